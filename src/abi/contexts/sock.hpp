// What a socket shows: struct bpf_sock as the context of cgroup sock programs and behind every socket pointer, and the
// two structures behind TCP and XDP socket pointers. Behind a pointer all fields are read-only.
#pragma once

#include <array>

#include "abi/contexts/field.hpp"

namespace skep::abi {
namespace sock {

using enum AttachType;

inline constexpr AttachTypes kMade = attach_types({cgroup_inet_sock_create, cgroup_inet_sock_release});
inline constexpr AttachTypes kBound4 = attach_types({cgroup_inet4_post_bind});
inline constexpr AttachTypes kBound6 = attach_types({cgroup_inet6_post_bind});

constexpr ContextField part(std::string_view name, std::uint32_t off, AttachTypes attach = kAnyAttachType) {
  return {.name = name, .off = off, .loads = kUpTo4, .read_attach = attach, .only_start = true};
}
constexpr ContextField address(std::string_view name, std::uint32_t off, std::uint32_t words,
                               AttachTypes attach = kAnyAttachType) {
  return {.name = name, .off = off, .bytes = 4 * words, .loads = kUpTo4, .read_attach = attach};
}
constexpr ContextField settable(std::string_view name, std::uint32_t off) {
  return {.name = name, .off = off, .stores = 4, .read_attach = kMade, .write_attach = kMade};
}

/// The same rows for a pointer: no attach type decides, nothing is written, and `common` leaves out what only full
/// sockets have.
template <std::size_t N>
constexpr std::array<ContextField, N> behind_pointer(std::array<ContextField, N> rows, bool common) {
  for (ContextField& row : rows) {
    row.read_attach = kAnyAttachType;
    row.stores = 0;
    if (common && row.off >= 8 && row.off < 24) row.loads = 0;
  }
  return rows;
}

}  // namespace sock

inline constexpr std::array kSockFields{
    sock::settable("bound_dev_if", 0),
    sock::part("family", 4),
    sock::part("type", 8),
    sock::part("protocol", 12),
    sock::settable("mark", 16),
    sock::settable("priority", 20),
    sock::address("src_ip4", 24, 1, sock::kBound4),
    sock::address("src_ip6", 28, 4, sock::kBound6),
    sock::part("src_port", 44, sock::kBound4 | sock::kBound6),
    ContextField{.name = "dst_port", .off = 48, .loads = 4},
    ContextField{.name = "dst_port", .off = 48, .size = 2, .loads = 1 | 2},
    sock::address("dst_ip4", 52, 1),
    sock::address("dst_ip6", 56, 4),
    sock::part("state", 72),
    sock::part("rx_queue_mapping", 76),
};
inline constexpr std::array kSocketFields = sock::behind_pointer(kSockFields, false);
inline constexpr std::array kSockCommonFields = sock::behind_pointer(kSockFields, true);

inline constexpr ContextLayout kSock{"bpf_sock", 80, kSockFields};
inline constexpr ContextLayout kSocketPointee{"bpf_sock", 80, kSocketFields};
inline constexpr ContextLayout kSockCommonPointee{"bpf_sock", 80, kSockCommonFields};

inline constexpr std::array kTcpSockFields{
    ContextField{.name = "snd_cwnd", .off = 0},
    ContextField{.name = "srtt_us", .off = 4},
    ContextField{.name = "rtt_min", .off = 8},
    ContextField{.name = "snd_ssthresh", .off = 12},
    ContextField{.name = "rcv_nxt", .off = 16},
    ContextField{.name = "snd_nxt", .off = 20},
    ContextField{.name = "snd_una", .off = 24},
    ContextField{.name = "mss_cache", .off = 28},
    ContextField{.name = "ecn_flags", .off = 32},
    ContextField{.name = "rate_delivered", .off = 36},
    ContextField{.name = "rate_interval_us", .off = 40},
    ContextField{.name = "packets_out", .off = 44},
    ContextField{.name = "retrans_out", .off = 48},
    ContextField{.name = "total_retrans", .off = 52},
    ContextField{.name = "segs_in", .off = 56},
    ContextField{.name = "data_segs_in", .off = 60},
    ContextField{.name = "segs_out", .off = 64},
    ContextField{.name = "data_segs_out", .off = 68},
    ContextField{.name = "lost_out", .off = 72},
    ContextField{.name = "sacked_out", .off = 76},
    ContextField{.name = "bytes_received", .off = 80, .size = 8},
    ContextField{.name = "bytes_acked", .off = 88, .size = 8},
    ContextField{.name = "dsack_dups", .off = 96},
    ContextField{.name = "delivered", .off = 100},
    ContextField{.name = "delivered_ce", .off = 104},
    ContextField{.name = "icsk_retransmits", .off = 108},
};
inline constexpr ContextLayout kTcpSockPointee{"bpf_tcp_sock", 112, kTcpSockFields};

inline constexpr std::array kXdpSockFields{ContextField{.name = "queue_id", .off = 0}};
inline constexpr ContextLayout kXdpSockPointee{"bpf_xdp_sock", 4, kXdpSockFields};

inline constexpr std::uint32_t kFlowKeysBytes = 56;  ///< of struct bpf_flow_keys: plain memory, any access inside it

}  // namespace skep::abi
