// Names of program and map types, in bpftool's spelling: one table each, indexed by Linux' numbers.
//
// A value past the table's end is one that Linux 6.18 does not have; it prints as "unknown" and no name leads to it.
#include <skep/types.hpp>

#include <cstddef>
#include <iterator>
#include <span>

namespace skep {
namespace {

constexpr std::string_view kProgTypes[] = {
    "unspec",
    "socket_filter",
    "kprobe",
    "sched_cls",
    "sched_act",
    "tracepoint",
    "xdp",
    "perf_event",
    "cgroup_skb",
    "cgroup_sock",
    "lwt_in",
    "lwt_out",
    "lwt_xmit",
    "sock_ops",
    "sk_skb",
    "cgroup_device",
    "sk_msg",
    "raw_tracepoint",
    "cgroup_sock_addr",
    "lwt_seg6local",
    "lirc_mode2",
    "sk_reuseport",
    "flow_dissector",
    "cgroup_sysctl",
    "raw_tracepoint_writable",
    "cgroup_sockopt",
    "tracing",
    "struct_ops",
    "ext",
    "lsm",
    "sk_lookup",
    "syscall",
    "netfilter",
};

constexpr std::string_view kMapTypes[] = {
    "unspec",
    "hash",
    "array",
    "prog_array",
    "perf_event_array",
    "percpu_hash",
    "percpu_array",
    "stack_trace",
    "cgroup_array",
    "lru_hash",
    "lru_percpu_hash",
    "lpm_trie",
    "array_of_maps",
    "hash_of_maps",
    "devmap",
    "sockmap",
    "cpumap",
    "xskmap",
    "sockhash",
    "cgroup_storage",
    "reuseport_sockarray",
    "percpu_cgroup_storage",
    "queue",
    "stack",
    "sk_storage",
    "devmap_hash",
    "struct_ops",
    "ringbuf",
    "inode_storage",
    "task_storage",
    "bloom_filter",
    "user_ringbuf",
    "cgrp_storage",
    "arena",
};

static_assert(std::size(kProgTypes) == static_cast<std::size_t>(ProgType::netfilter) + 1);
static_assert(std::size(kMapTypes) == static_cast<std::size_t>(MapType::arena) + 1);

std::string_view name_in(std::span<const std::string_view> names, std::size_t value) noexcept {
  return value < names.size() ? names[value] : std::string_view("unknown");
}

std::size_t value_in(std::span<const std::string_view> names, std::string_view name) noexcept {
  for (std::size_t value = 0; value < names.size(); ++value)
    if (names[value] == name) return value;
  return 0;
}

}  // namespace

std::string_view name_of(ProgType type) noexcept { return name_in(kProgTypes, static_cast<std::size_t>(type)); }
std::string_view name_of(MapType type) noexcept { return name_in(kMapTypes, static_cast<std::size_t>(type)); }
MapType map_type_named(std::string_view name) noexcept { return static_cast<MapType>(value_in(kMapTypes, name)); }
ProgType prog_type_named(std::string_view name) noexcept { return static_cast<ProgType>(value_in(kProgTypes, name)); }

}  // namespace skep
