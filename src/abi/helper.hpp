// THE helper table: what a program may call, as data. Read by the guard, the verifier, the loader, the command and the
// documentation alike; the code behind the rows is in helpers/, keyed by id, and a row without code there is verified
// all the same and refused by name when it is to run.
//
// Ids, names, arguments and who may call are Linux' (6.18). A few helpers take something else in some program types:
// those have further rows (variants), and find_helper(id, type, attach) picks the one that holds.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <string_view>

#include <skep/types.hpp>

#include "abi/attach_types.hpp"
#include "abi/kernel_types.hpp"
#include "abi/sets.hpp"

namespace skep::abi {

/// What a helper expects in one argument register. "Memory" is any of: stack, map key, map value, sized memory, ring-
/// buffer record, tracing buffer, and packet and packet metadata where the helper has reads_packet; Linux takes a
/// trusted kernel pointer for it, too. "_or_null": the constant 0 will do.
enum class Arg : std::uint8_t {
  none,         ///< not looked at
  anything,     ///< any initialised register; no pointer where pointers must not leak
  scalar,       ///< a number, never a pointer
  ctx,          ///< the context pointer, unmodified
  ctx_or_null,  ///< the same, or null
  map,          ///< a map, from a lddw map reference or a look-up in a map of maps
  map_key,      ///< memory: key_size initialised bytes of the map in an earlier argument
  map_value,    ///< memory: value_size initialised bytes of that map; of a sockmap or sockhash: as btf_sock_common
  map_value_or_null,  ///< the same, or null
  map_value_out,      ///< memory: value_size writable bytes, need not be initialised
  mem,                ///< memory, also read-only: as many initialised bytes as the next argument says
  mem_or_null,        ///< the same, or null (and then the size is 0)
  mem_mutable,        ///< as mem, but memory that is typed read-only is refused
  mem_out,            ///< memory: as many writable bytes as the next argument says, need not be initialised
  mem_out_or_null,    ///< the same, or null
  mem_inout,          ///< memory: as many bytes, writable and initialised
  mem_inout_or_null,  ///< the same, or null
  fixed_mem,          ///< as mem_mutable, ArgSpec::bytes long
  fixed_out,          ///< memory: ArgSpec::bytes writable bytes, aligned to that size, need not be initialised
  fixed_inout,        ///< memory: ArgSpec::bytes bytes, aligned to that size, writable and initialised
  size,               ///< the length of the memory in the argument before; its range must exclude 0 and be bounded
  size_or_zero,       ///< the same, may be 0
  alloc_size,         ///< a constant number of bytes: the size of the memory in r0
  record,             ///< the start of a ring-buffer record that this run reserved
  callback,           ///< a function of this program; ArgSpec::callback says how it is called
  callback_ctx,       ///< handed on to the callback: a stack pointer or null
  c_string,           ///< a NUL-terminated string in a value of a frozen, read-only array map
  spin_lock,          ///< a bpf_spin_lock in a map value or allocated object
  timer,              ///< a bpf_timer in a map value
  kptr,               ///< a kptr field in a map value or allocated object
  dynptr,           ///< an initialised dynptr of the kind ArgSpec::dynptr (any: all kinds); the call does not change it
  dynptr_out,       ///< two unused stack slots that become a dynptr of the kind ArgSpec::dynptr
  sock_common,      ///< a context's or look-up's socket in any form: sock_common, full, tcp or xdp; never null
  socket,           ///< a full socket
  socket_or_null,   ///< the same, or null
  btf_sock_common,  ///< as sock_common, or a kernel pointer to a struct that starts with sock_common
  btf_sock_common_or_null,  ///< the same, or null
  btf,                      ///< a kernel pointer to ArgSpec::type: plain, trusted or under RCU, not untrusted
  btf_or_null,              ///< the same, or null
  object_or_null,           ///< a referenced kernel or allocated object of the type that the kptr before holds, or null
  percpu_btf,               ///< a per-CPU kernel variable or allocation
  other,                    ///< something that only an application's own helper knows
};

/// How a callback is called: the arguments it gets, by Linux' rules.
enum class Callback : std::uint8_t {
  none,
  map_element,  ///< (map, map key, map value, callback_ctx), once per element; returns 0 or 1
  loop,         ///< (index, callback_ctx), any number of times; returns 0 or 1
  vma,          ///< (task_struct, vm_area_struct, callback_ctx), at most once; returns 0 or 1
  user_record,  ///< (dynptr, callback_ctx), any number of times; returns 0 or 1
  timer,        ///< (map, map key, map value), later and on its own; returns 0
};

/// Kinds of dynptr, as far as helpers tell them apart.
enum class Dynptr : std::uint8_t { any, local, ringbuf };

/// One argument: its kind, and what that kind needs to be said. Converts from and to a bare kind.
struct ArgSpec {
  Arg kind = Arg::none;
  KernelType type = KernelType::none;  ///< for btf, btf_or_null
  Callback callback = Callback::none;  ///< for callback
  Dynptr dynptr = Dynptr::any;         ///< for dynptr, dynptr_out
  bool releases = false;               ///< the reference behind the argument ends with the call
  std::uint8_t bytes = 0;              ///< for fixed_mem, fixed_out, fixed_inout

  constexpr ArgSpec(Arg arg = Arg::none) noexcept : kind(arg) {}
  constexpr operator Arg() const noexcept { return kind; }
};

/// What r0 holds after the call.
enum class Ret : std::uint8_t {
  scalar,
  nothing,              ///< r0 must not be read
  map_value,            ///< value_size bytes of the map argument
  map_value_or_null,    ///< the same, or null; of a map of maps: a map, of a socket or XSK map: a socket, or null
  record_or_null,       ///< as many bytes as the alloc_size argument says, or null
  dynptr_mem_or_null,   ///< the same, inside the dynptr argument
  sock_common_or_null,  ///< the kernel's sockets, seen through struct bpf_sock
  socket_or_null,       ///<
  tcp_sock_or_null,     ///< seen through struct bpf_tcp_sock
  btf,                  ///< a pointer to Helper::ret_type, trusted where Linux says so (effect trusted)
  btf_or_null,          ///< the same, or null
  this_cpu,             ///< the variable in the argument: a struct as kernel pointer, else read-only memory
  this_cpu_or_null,     ///< the same, or null
  kptr_or_null,         ///< what the kptr argument held
};

/// What a call does beyond r0, and what is special about it. Bits.
enum Effect : std::uint32_t {
  effect_none = 0,
  changes_packet = 1 << 0,        ///< packet pointers the program holds become stale
  acquires = 1 << 1,              ///< r0 is a reference that must be released
  releases = 1 << 2,              ///< an argument's reference ends: the one with ArgSpec::releases
  calls_back = 1 << 3,            ///< may run functions of the program
  may_sleep = 1 << 4,             ///< only for sleepable programs, outside RCU and preemption-disabled sections
  gpl_only = 1 << 5,              ///< only for programs under a GPL-compatible licence
  tail_calls = 1 << 6,            ///< ends the program when it succeeds
  needs_cpu = 1 << 7,             ///< the answer depends on the CPU the run holds
  reads_packet = 1 << 8,          ///< memory, key and value arguments may point into the packet
  keeps_reference = 1 << 9,       ///< r0 is the argument in another form: it shares the argument's reference
  returns_length = 1 << 10,       ///< r0 is at least -4095 and at most the maximum of the size argument
  returns_cpu = 1 << 11,          ///< r0 is below the number of CPUs
  acquires_sockets = 1 << 12,     ///< as acquires, when the map argument is a sockmap or sockhash
  asks_target = 1 << 13,          ///< tracing and lsm: allowed or not by the kernel function that is attached to
  may_sleep_sleepable = 1 << 14,  ///< as may_sleep in sleepable programs; others may call it, too
  under_lock = 1 << 15,           ///< the only helper that may be called while a bpf_spin_lock is held
  fastcall = 1 << 16,             ///< keeps r1 to r5 where compilers ask for it (bpf_fastcall)
  trusted = 1 << 17,              ///< the kernel pointer in r0 is trusted
};

/// The helpers' ids, by name.
enum class HelperId : std::uint32_t {
#define HELPER(id, name, ...) name = id,
#define VARIANT(...)
#include "abi/helpers.inc"
#undef HELPER
#undef VARIANT
};

struct Helper {
  std::uint32_t id = 0;
  std::string_view name;  ///< without the "bpf_" prefix
  Ret ret = Ret::scalar;
  KernelType ret_type = KernelType::none;  ///< for Ret::btf, Ret::btf_or_null
  std::array<ArgSpec, 5> args{};
  std::uint32_t effects = effect_none;
  ProgTypes programs = kAllProgTypes;
  MapTypes maps = 0;     ///< for the Arg::map argument (or a map look-alike: kptr_xchg); 0 without one
  std::string_view doc;  ///< one line
};

/// Every helper, sorted by id; ids are dense from 1. A row's prototype is the one most program types see, its
/// `programs` all who may call it in any form.
[[nodiscard]] std::span<const Helper> helpers() noexcept;
/// The row of `id`, null when Linux 6.18 has no such helper.
[[nodiscard]] const Helper* find_helper(std::uint32_t id) noexcept;
/// The row called `name`, with or without "bpf_"; null when there is none.
[[nodiscard]] const Helper* find_helper(std::string_view name) noexcept;
/// The prototype of `id` for a program of `type` and `attach`: the row or a variant of it; null when there is no such
/// helper or such a program may not call it.
[[nodiscard]] const Helper* find_helper(std::uint32_t id, ProgType type, AttachType attach) noexcept;

/// What a helper may do with what is behind an argument.
enum class Reach : std::uint8_t {
  reads,   ///< read it, at most
  writes,  ///< write it, too
  kernel,  ///< the same, and it is a kernel's object: memory that only a kernel has
};
[[nodiscard]] Reach reach_of(Arg arg) noexcept;

/// The registers that a call may look at, bit by register: those of its arguments. bpf_trace_printk takes what its
/// format asks for, which no row says: all five.
[[nodiscard]] std::uint16_t argument_registers(const Helper& helper) noexcept;

/// The attach types with which a program of `type` may call the helper; kAnyAttachType for nearly all. Empty when the
/// type may not call it at all.
[[nodiscard]] AttachTypes callable_attach_types(const Helper& helper, ProgType type) noexcept;

/// What it takes to call the helper from a program type that may be loaded with less (the networking types).
[[nodiscard]] Privilege privilege_needed(std::uint32_t id) noexcept;

}  // namespace skep::abi
