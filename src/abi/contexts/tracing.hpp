// Contexts that are registers, records or plain arguments: probes, tracepoints, perf events, system calls, netfilter,
// and infrared receivers. Most are memory of which any aligned part may be read.
#pragma once

#include <array>

#include "abi/contexts/field.hpp"

namespace skep::abi {

/// struct pt_regs of x86-64: 21 registers.
inline constexpr std::array kPtRegsFields{
    ContextField{.name = "registers", .off = 0, .size = 8, .bytes = 168, .loads = kUpTo8},
};
inline constexpr ContextLayout kPtRegs{"pt_regs", 168, kPtRegsFields};

/// A tracepoint's record; its first 8 bytes are the kernel's. How long it is decides attachment, not verification.
inline constexpr std::array kTracepointFields{
    ContextField{.name = "record", .off = 8, .size = 8, .bytes = 8192 - 8, .loads = kUpTo8},
};
inline constexpr ContextLayout kTracepoint{"trace_entry", 8192, kTracepointFields};

inline constexpr std::array kRawTracepointFields{
    ContextField{.name = "args", .off = 0, .size = 8, .bytes = 96, .loads = kUpTo8},
};
inline constexpr ContextLayout kRawTracepoint{"bpf_raw_tracepoint_args", 96, kRawTracepointFields};

inline constexpr std::array kRawTracepointWritableFields{
    ContextField{.name = "buffer", .off = 0, .size = 8, .kind = FieldKind::tp_buffer},
    ContextField{.name = "args", .off = 1, .size = 8, .bytes = 95, .loads = kUpTo8},  // off 0 is the buffer's alone
};
inline constexpr ContextLayout kRawTracepointWritable{"bpf_raw_tracepoint_args", 96, kRawTracepointWritableFields};

inline constexpr std::array kPerfEventFields{
    ContextField{.name = "regs", .off = 0, .size = 8, .bytes = 168},
    ContextField{.name = "sample_period", .off = 168, .size = 8, .loads = kUpTo8},
    ContextField{.name = "addr", .off = 176, .size = 8, .loads = kUpTo8},
};
inline constexpr ContextLayout kPerfEvent{"bpf_perf_event_data", 184, kPerfEventFields};

/// What the caller of BPF_PROG_TEST_RUN hands over; how long it may be decides the run.
inline constexpr std::array kSyscallFields{
    ContextField{.name = "arguments", .off = 0, .size = 8, .bytes = 0xffff + 7, .loads = kUpTo8, .stores = kUpTo8},
};
inline constexpr ContextLayout kSyscall{"void", 0xffff, kSyscallFields};

inline constexpr std::array kNetfilterFields{
    ContextField{.name = "state", .off = 0, .size = 8, .kind = FieldKind::btf, .type = KernelType::nf_hook_state},
    ContextField{.name = "skb", .off = 8, .size = 8, .kind = FieldKind::btf, .type = KernelType::sk_buff},
};
inline constexpr ContextLayout kNetfilter{"bpf_nf_ctx", 16, kNetfilterFields};

inline constexpr std::array kLircFields{ContextField{.name = "sample", .off = 0}};
inline constexpr ContextLayout kLirc{"unsigned int", 4, kLircFields};

}  // namespace skep::abi
