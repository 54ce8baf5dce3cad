// struct bpf_sock_addr: a socket and the address it is about to use. Which address fields there are depends on the
// attach type's address family.
#pragma once

#include <array>

#include "abi/contexts/field.hpp"

namespace skep::abi {
namespace sock_addr {

using enum AttachType;

inline constexpr AttachTypes kInet4 =
    attach_types({cgroup_inet4_bind, cgroup_inet4_connect, cgroup_inet4_getpeername, cgroup_inet4_getsockname,
                  cgroup_udp4_sendmsg, cgroup_udp4_recvmsg});
inline constexpr AttachTypes kInet6 =
    attach_types({cgroup_inet6_bind, cgroup_inet6_connect, cgroup_inet6_getpeername, cgroup_inet6_getsockname,
                  cgroup_udp6_sendmsg, cgroup_udp6_recvmsg});

constexpr ContextField address(std::string_view name, std::uint32_t off, std::uint32_t words, AttachTypes attach) {
  const std::uint8_t wide = words > 1 ? 8 : 0;
  return {.name = name,
          .off = off,
          .bytes = 4 * words,
          .loads = static_cast<std::uint8_t>(kUpTo4 | wide),
          .stores = static_cast<std::uint8_t>(4 | wide),
          .read_attach = attach,
          .write_attach = attach};
}

}  // namespace sock_addr

inline constexpr std::array kSockAddrFields{
    ContextField{.name = "user_family", .off = 0},
    sock_addr::address("user_ip4", 4, 1, sock_addr::kInet4),
    sock_addr::address("user_ip6", 8, 4, sock_addr::kInet6),
    sock_addr::address("user_port", 24, 1, kAnyAttachType),
    ContextField{.name = "family", .off = 28},
    ContextField{.name = "type", .off = 32},
    ContextField{.name = "protocol", .off = 36},
    sock_addr::address("msg_src_ip4", 40, 1, attach_types({AttachType::cgroup_udp4_sendmsg})),
    sock_addr::address("msg_src_ip6", 44, 4, attach_types({AttachType::cgroup_udp6_sendmsg})),
    ContextField{.name = "sk", .off = 64, .size = 8, .kind = FieldKind::socket},
};
inline constexpr ContextLayout kSockAddr{"bpf_sock_addr", 72, kSockAddrFields};

}  // namespace skep::abi
