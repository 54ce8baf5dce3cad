// Names for the numbers of Linux' attach types, and sets of them.
//
// Values are those of enum bpf_attach_type (UAPI bpf.h, 6.18). A program carries its expected attach type as a plain
// number; most program types ignore it, and then any value is legal.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <string_view>

namespace skep::abi {

#define SKEP_ATTACH_TYPES(X)                                                                                           \
  X(cgroup_inet_ingress)                                                                                               \
  X(cgroup_inet_egress)                                                                                                \
  X(cgroup_inet_sock_create)                                                                                           \
  X(cgroup_sock_ops)                                                                                                   \
  X(sk_skb_stream_parser) X(sk_skb_stream_verdict) X(cgroup_device) X(sk_msg_verdict) X(cgroup_inet4_bind)             \
      X(cgroup_inet6_bind) X(cgroup_inet4_connect) X(cgroup_inet6_connect) X(cgroup_inet4_post_bind)                   \
          X(cgroup_inet6_post_bind) X(cgroup_udp4_sendmsg) X(cgroup_udp6_sendmsg) X(lirc_mode2) X(flow_dissector)      \
              X(cgroup_sysctl) X(cgroup_udp4_recvmsg) X(cgroup_udp6_recvmsg) X(cgroup_getsockopt) X(cgroup_setsockopt) \
                  X(trace_raw_tp) X(trace_fentry) X(trace_fexit) X(modify_return) X(lsm_mac) X(trace_iter)             \
                      X(cgroup_inet4_getpeername) X(cgroup_inet6_getpeername) X(cgroup_inet4_getsockname)              \
                          X(cgroup_inet6_getsockname) X(xdp_devmap) X(cgroup_inet_sock_release) X(xdp_cpumap)          \
                              X(sk_lookup) X(xdp) X(sk_skb_verdict) X(sk_reuseport_select)                             \
                                  X(sk_reuseport_select_or_migrate) X(perf_event) X(trace_kprobe_multi) X(lsm_cgroup)  \
                                      X(struct_ops) X(netfilter) X(tcx_ingress) X(tcx_egress) X(trace_uprobe_multi)    \
                                          X(cgroup_unix_connect) X(cgroup_unix_sendmsg) X(cgroup_unix_recvmsg)         \
                                              X(cgroup_unix_getpeername) X(cgroup_unix_getsockname) X(netkit_primary)  \
                                                  X(netkit_peer) X(trace_kprobe_session) X(trace_uprobe_session)

/// enum bpf_attach_type, in its order.
enum class AttachType : std::uint32_t {
#define SKEP_ENUMERATOR(name) name,
  SKEP_ATTACH_TYPES(SKEP_ENUMERATOR)
#undef SKEP_ENUMERATOR
};

/// A set of attach types: bit n for AttachType n.
using AttachTypes = std::uint64_t;
inline constexpr AttachTypes kAnyAttachType = ~std::uint64_t{0};

[[nodiscard]] constexpr AttachTypes attach_types(std::initializer_list<AttachType> types) noexcept {
  AttachTypes set = 0;
  for (const AttachType type : types) set |= std::uint64_t{1} << static_cast<unsigned>(type);
  return set;
}

/// Whether `set` has `type`; a number that Linux 6.18 does not know is in no set but kAnyAttachType.
[[nodiscard]] constexpr bool contains(AttachTypes set, AttachType type) noexcept {
  const auto bit = static_cast<std::uint32_t>(type);
  return set == kAnyAttachType || (bit < 64 && (set >> bit & 1) != 0);
}

/// "cgroup_inet4_bind", …; "unknown" for a number that Linux 6.18 does not have. Static storage.
[[nodiscard]] constexpr std::string_view name_of(AttachType type) noexcept {
  constexpr std::string_view kNames[] = {
#define SKEP_NAME(name) #name,
      SKEP_ATTACH_TYPES(SKEP_NAME)
#undef SKEP_NAME
  };
  const auto index = static_cast<std::uint32_t>(type);
  return index < sizeof(kNames) / sizeof(kNames[0]) ? kNames[index] : "unknown";
}

}  // namespace skep::abi
