// struct __sk_buff: the packet as socket filters, tc, cgroup, lightweight-tunnel, stream and flow-dissector programs
// see it. One structure, but who may read and write which field is each type's own affair.
#pragma once

#include <array>

#include "abi/contexts/field.hpp"

namespace skep::abi {
namespace sk_buff {

using enum ProgType;

inline constexpr ProgTypes kFilter = prog_types({socket_filter});
inline constexpr ProgTypes kTc = prog_types({sched_cls, sched_act});
inline constexpr ProgTypes kCgroup = prog_types({cgroup_skb});
inline constexpr ProgTypes kTunnel = prog_types({lwt_in, lwt_out, lwt_xmit, lwt_seg6local});
inline constexpr ProgTypes kStream = prog_types({sk_skb});
inline constexpr ProgTypes kDissector = prog_types({flow_dissector});
inline constexpr ProgTypes kMost = kFilter | kTc | kCgroup | kTunnel | kStream;
inline constexpr ProgTypes kSockets = kCgroup | kStream;  // they know the connection's addresses

constexpr ContextField number(std::string_view name, std::uint32_t off, ProgTypes readers = kMost,
                              ProgTypes writers = 0) {
  return {.name = name, .off = off, .loads = kUpTo4, .stores = 4, .readers = readers, .writers = writers};
}
constexpr ContextField address(std::string_view name, std::uint32_t off, std::uint32_t words) {
  return {.name = name, .off = off, .bytes = 4 * words, .readers = kSockets};
}

}  // namespace sk_buff

inline constexpr std::array kSkBuffFields{
    sk_buff::number("len", 0),
    sk_buff::number("pkt_type", 4),
    sk_buff::number("mark", 8, sk_buff::kMost & ~sk_buff::kStream, sk_buff::kTc | sk_buff::kCgroup | sk_buff::kTunnel),
    sk_buff::number("queue_mapping", 12, sk_buff::kMost, sk_buff::kTc),
    sk_buff::number("protocol", 16),
    sk_buff::number("vlan_present", 20),
    sk_buff::number("vlan_tci", 24),
    sk_buff::number("vlan_proto", 28),
    sk_buff::number("priority", 32, sk_buff::kMost, sk_buff::kMost & ~sk_buff::kFilter),
    sk_buff::number("ingress_ifindex", 36),
    sk_buff::number("ifindex", 40),
    sk_buff::number("tc_index", 44, sk_buff::kMost, sk_buff::kTc | sk_buff::kStream),
    ContextField{.name = "cb",
                 .off = 48,
                 .bytes = 20,
                 .loads = kUpTo8,
                 .stores = kUpTo8,
                 .readers = sk_buff::kMost,
                 .writers = sk_buff::kMost & ~sk_buff::kStream},
    sk_buff::number("hash", 68),
    sk_buff::number("tc_classid", 72, sk_buff::kTc, sk_buff::kTc),
    ContextField{.name = "data",
                 .off = 76,
                 .kind = FieldKind::packet,
                 .readers = sk_buff::kMost & ~sk_buff::kFilter & ~sk_buff::kCgroup},
    ContextField{.name = "data",
                 .off = 76,
                 .kind = FieldKind::packet,
                 .readers = sk_buff::kCgroup,
                 .read_needs = Privilege::bpf},
    ContextField{.name = "data", .off = 76, .kind = FieldKind::packet, .readers = sk_buff::kDissector},
    ContextField{.name = "data_end",
                 .off = 80,
                 .kind = FieldKind::packet_end,
                 .readers = sk_buff::kMost & ~sk_buff::kFilter & ~sk_buff::kCgroup},
    ContextField{.name = "data_end",
                 .off = 80,
                 .kind = FieldKind::packet_end,
                 .readers = sk_buff::kCgroup,
                 .read_needs = Privilege::bpf},
    ContextField{.name = "data_end", .off = 80, .kind = FieldKind::packet_end, .readers = sk_buff::kDissector},
    sk_buff::number("napi_id", 84),
    sk_buff::number("family", 88, sk_buff::kSockets),
    sk_buff::address("remote_ip4", 92, 1),
    sk_buff::address("local_ip4", 96, 1),
    sk_buff::address("remote_ip6", 100, 4),
    sk_buff::address("local_ip6", 116, 4),
    sk_buff::number("remote_port", 132, sk_buff::kSockets),
    sk_buff::number("local_port", 136, sk_buff::kSockets),
    ContextField{.name = "data_meta", .off = 140, .kind = FieldKind::packet_meta, .readers = sk_buff::kTc},
    ContextField{
        .name = "flow_keys", .off = 144, .size = 8, .kind = FieldKind::flow_keys, .readers = sk_buff::kDissector},
    ContextField{.name = "tstamp",
                 .off = 152,
                 .size = 8,
                 .stores = 8,
                 .readers = sk_buff::kTc | sk_buff::kCgroup,
                 .writers = sk_buff::kTc},
    ContextField{.name = "tstamp",
                 .off = 152,
                 .size = 8,
                 .loads = 0,
                 .stores = 8,
                 .writers = sk_buff::kCgroup,
                 .write_needs = Privilege::bpf},
    sk_buff::number("wire_len", 160, sk_buff::kTc),
    sk_buff::number("gso_segs", 164),
    ContextField{
        .name = "sk", .off = 168, .size = 8, .kind = FieldKind::sock_common_or_null, .readers = sk_buff::kMost},
    sk_buff::number("gso_size", 176),
    ContextField{.name = "tstamp_type", .off = 180, .size = 1, .readers = sk_buff::kTc},
    ContextField{.name = "hwtstamp", .off = 184, .size = 8, .readers = sk_buff::kTc | sk_buff::kCgroup},
};
inline constexpr ContextLayout kSkBuff{"__sk_buff", 192, kSkBuffFields};

}  // namespace skep::abi
