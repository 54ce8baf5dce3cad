// THE context tables: what lies where in the structure that a program of a type gets in r1, as data. Read by the
// contexts that emulate those structures, by the verifier, by the lowering and by the documentation. The tables
// themselves are in contexts/, a file a family.
//
// Adding a program type's context is adding a table there and a row here.
#pragma once

#include <array>
#include <cstdint>

#include <skep/types.hpp>

#include "abi/contexts/cgroup.hpp"
#include "abi/contexts/field.hpp"
#include "abi/contexts/sk_buff.hpp"
#include "abi/contexts/sock.hpp"
#include "abi/contexts/sock_addr.hpp"
#include "abi/contexts/sockets.hpp"
#include "abi/contexts/tracing.hpp"
#include "abi/contexts/xdp_md.hpp"

namespace skep::abi {

/// The structure behind r1 of a program of `type`; null for types that have none of their own: those whose arguments
/// BTF describes (tracing, lsm, struct_ops), ext, and unspec. Static storage.
[[nodiscard]] constexpr const ContextLayout* context_of(ProgType type) noexcept {
  constexpr std::array<const ContextLayout*, 33> kByType{
      nullptr,                  // unspec
      &kSkBuff,                 // socket_filter
      &kPtRegs,                 // kprobe
      &kSkBuff,                 // sched_cls
      &kSkBuff,                 // sched_act
      &kTracepoint,             // tracepoint
      &kXdpMd,                  // xdp
      &kPerfEvent,              // perf_event
      &kSkBuff,                 // cgroup_skb
      &kSock,                   // cgroup_sock
      &kSkBuff,                 // lwt_in
      &kSkBuff,                 // lwt_out
      &kSkBuff,                 // lwt_xmit
      &kSockOps,                // sock_ops
      &kSkBuff,                 // sk_skb
      &kCgroupDev,              // cgroup_device
      &kSkMsg,                  // sk_msg
      &kRawTracepoint,          // raw_tracepoint
      &kSockAddr,               // cgroup_sock_addr
      &kSkBuff,                 // lwt_seg6local
      &kLirc,                   // lirc_mode2
      &kSkReuseport,            // sk_reuseport
      &kSkBuff,                 // flow_dissector
      &kSysctl,                 // cgroup_sysctl
      &kRawTracepointWritable,  // raw_tracepoint_writable
      &kSockopt,                // cgroup_sockopt
      nullptr,                  // tracing
      nullptr,                  // struct_ops
      nullptr,                  // ext
      nullptr,                  // lsm
      &kSkLookup,               // sk_lookup
      &kSyscall,                // syscall
      &kNetfilter,              // netfilter
  };
  const auto index = static_cast<std::uint32_t>(type);
  return index < kByType.size() ? kByType[index] : nullptr;
}

/// The layout that this release's runs emulate for programs of `type`, null when they get plain memory. Static storage.
[[nodiscard]] constexpr const ContextLayout* find_context_layout(ProgType type) noexcept {
  return type == ProgType::xdp ? &kXdpMd : nullptr;
}

/// The field that starts at `off`, null when none does.
[[nodiscard]] constexpr const ContextField* find_context_field(const ContextLayout& layout,
                                                               std::uint32_t off) noexcept {
  for (const ContextField& field : layout.fields)
    if (field.off == off) return &field;
  return nullptr;
}

}  // namespace skep::abi
