// The contexts of programs that follow sockets: struct bpf_sock_ops, sk_msg_md, sk_reuseport_md and bpf_sk_lookup.
#pragma once

#include <array>

#include "abi/contexts/field.hpp"

namespace skep::abi {

inline constexpr std::array kSockOpsFields{
    ContextField{.name = "op", .off = 0},
    ContextField{.name = "reply", .off = 4, .stores = 4},
    ContextField{.name = "args", .off = 8, .bytes = 12},
    ContextField{.name = "family", .off = 20},
    ContextField{.name = "remote_ip4", .off = 24},
    ContextField{.name = "local_ip4", .off = 28},
    ContextField{.name = "remote_ip6", .off = 32, .bytes = 16},
    ContextField{.name = "local_ip6", .off = 48, .bytes = 16},
    ContextField{.name = "remote_port", .off = 64},
    ContextField{.name = "local_port", .off = 68},
    ContextField{.name = "is_fullsock", .off = 72},
    ContextField{.name = "snd_cwnd", .off = 76},
    ContextField{.name = "srtt_us", .off = 80},
    ContextField{.name = "bpf_sock_ops_cb_flags", .off = 84},
    ContextField{.name = "state", .off = 88},
    ContextField{.name = "rtt_min", .off = 92},
    ContextField{.name = "snd_ssthresh", .off = 96},
    ContextField{.name = "rcv_nxt", .off = 100},
    ContextField{.name = "snd_nxt", .off = 104},
    ContextField{.name = "snd_una", .off = 108},
    ContextField{.name = "mss_cache", .off = 112},
    ContextField{.name = "ecn_flags", .off = 116},
    ContextField{.name = "rate_delivered", .off = 120},
    ContextField{.name = "rate_interval_us", .off = 124},
    ContextField{.name = "packets_out", .off = 128},
    ContextField{.name = "retrans_out", .off = 132},
    ContextField{.name = "total_retrans", .off = 136},
    ContextField{.name = "segs_in", .off = 140},
    ContextField{.name = "data_segs_in", .off = 144},
    ContextField{.name = "segs_out", .off = 148},
    ContextField{.name = "data_segs_out", .off = 152},
    ContextField{.name = "lost_out", .off = 156},
    ContextField{.name = "sacked_out", .off = 160},
    ContextField{.name = "sk_txhash", .off = 164, .stores = 4},
    ContextField{.name = "bytes_received", .off = 168, .size = 8},
    ContextField{.name = "bytes_acked", .off = 176, .size = 8},
    ContextField{.name = "sk", .off = 184, .size = 8, .kind = FieldKind::socket_or_null},
    ContextField{.name = "skb_data", .off = 192, .size = 8, .kind = FieldKind::packet},
    ContextField{.name = "skb_data_end", .off = 200, .size = 8, .kind = FieldKind::packet_end},
    ContextField{.name = "skb_len", .off = 208},
    ContextField{.name = "skb_tcp_flags", .off = 212, .loads = kUpTo4, .only_start = true},
    ContextField{.name = "skb_hwtstamp", .off = 216, .size = 8},
};
inline constexpr ContextLayout kSockOps{"bpf_sock_ops", 224, kSockOpsFields};

inline constexpr std::array kSkMsgFields{
    ContextField{.name = "data", .off = 0, .size = 8, .kind = FieldKind::packet},
    ContextField{.name = "data_end", .off = 8, .size = 8, .kind = FieldKind::packet_end},
    ContextField{.name = "family", .off = 16},
    ContextField{.name = "remote_ip4", .off = 20},
    ContextField{.name = "local_ip4", .off = 24},
    ContextField{.name = "remote_ip6", .off = 28, .bytes = 16},
    ContextField{.name = "local_ip6", .off = 44, .bytes = 16},
    ContextField{.name = "remote_port", .off = 60},
    ContextField{.name = "local_port", .off = 64},
    ContextField{.name = "size", .off = 68},
    ContextField{.name = "sk", .off = 72, .size = 8, .kind = FieldKind::socket},
};
inline constexpr ContextLayout kSkMsg{"sk_msg_md", 80, kSkMsgFields};

inline constexpr std::array kSkReuseportFields{
    ContextField{.name = "data", .off = 0, .size = 8, .kind = FieldKind::packet},
    ContextField{.name = "data_end", .off = 8, .size = 8, .kind = FieldKind::packet_end},
    ContextField{.name = "len", .off = 16, .loads = kUpTo4},
    ContextField{.name = "eth_protocol", .off = 20, .loads = 2 | 4},
    ContextField{.name = "ip_protocol", .off = 24, .loads = kUpTo4},
    ContextField{.name = "bind_inany", .off = 28, .loads = kUpTo4},
    ContextField{.name = "hash", .off = 32},
    ContextField{.name = "sk", .off = 40, .size = 8, .kind = FieldKind::socket},
    ContextField{.name = "migrating_sk", .off = 48, .size = 8, .kind = FieldKind::sock_common_or_null},
};
inline constexpr ContextLayout kSkReuseport{"sk_reuseport_md", 56, kSkReuseportFields};

inline constexpr std::array kSkLookupFields{
    ContextField{.name = "sk", .off = 0, .size = 8, .kind = FieldKind::socket_or_null},
    ContextField{.name = "family", .off = 8, .loads = kUpTo4},
    ContextField{.name = "protocol", .off = 12, .loads = kUpTo4},
    ContextField{.name = "remote_ip4", .off = 16, .loads = kUpTo4},
    ContextField{.name = "remote_ip6", .off = 20, .bytes = 16, .loads = kUpTo4},
    ContextField{.name = "remote_port", .off = 36},
    ContextField{.name = "remote_port", .off = 36, .size = 2, .loads = 1 | 2},
    ContextField{.name = "(zeros)", .off = 38, .size = 2, .loads = 1 | 2},
    ContextField{.name = "local_ip4", .off = 40, .loads = kUpTo4},
    ContextField{.name = "local_ip6", .off = 44, .bytes = 16, .loads = kUpTo4},
    ContextField{.name = "local_port", .off = 60, .loads = kUpTo4},
    ContextField{.name = "ingress_ifindex", .off = 64, .loads = kUpTo4},
};
inline constexpr ContextLayout kSkLookup{"bpf_sk_lookup", 72, kSkLookupFields};

}  // namespace skep::abi
