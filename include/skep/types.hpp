// Names for the numbers of Linux' BPF ABI: program types, map types, update flags.
//
// Every value equals the one in Linux' <linux/bpf.h>; a value outside the enumerators is legal in memory (it came from
// a file) and is refused where it would be used. Source: Linux 6.18 UAPI.
#pragma once

#include <cstdint>
#include <string_view>

namespace skep {

/// enum bpf_prog_type.
enum class ProgType : std::uint32_t {
  unspec = 0,
  socket_filter = 1,
  kprobe = 2,
  sched_cls = 3,
  sched_act = 4,
  tracepoint = 5,
  xdp = 6,
  perf_event = 7,
  cgroup_skb = 8,
  cgroup_sock = 9,
  lwt_in = 10,
  lwt_out = 11,
  lwt_xmit = 12,
  sock_ops = 13,
  sk_skb = 14,
  cgroup_device = 15,
  sk_msg = 16,
  raw_tracepoint = 17,
  cgroup_sock_addr = 18,
  lwt_seg6local = 19,
  lirc_mode2 = 20,
  sk_reuseport = 21,
  flow_dissector = 22,
  cgroup_sysctl = 23,
  raw_tracepoint_writable = 24,
  cgroup_sockopt = 25,
  tracing = 26,
  struct_ops = 27,
  ext = 28,
  lsm = 29,
  sk_lookup = 30,
  syscall = 31,
  netfilter = 32,
};

/// enum bpf_map_type.
enum class MapType : std::uint32_t {
  unspec = 0,
  hash = 1,
  array = 2,
  prog_array = 3,
  perf_event_array = 4,
  percpu_hash = 5,
  percpu_array = 6,
  stack_trace = 7,
  cgroup_array = 8,
  lru_hash = 9,
  lru_percpu_hash = 10,
  lpm_trie = 11,
  array_of_maps = 12,
  hash_of_maps = 13,
  devmap = 14,
  sockmap = 15,
  cpumap = 16,
  xskmap = 17,
  sockhash = 18,
  cgroup_storage = 19,
  reuseport_sockarray = 20,
  percpu_cgroup_storage = 21,
  queue = 22,
  stack = 23,
  sk_storage = 24,
  devmap_hash = 25,
  struct_ops = 26,
  ringbuf = 27,
  inode_storage = 28,
  task_storage = 29,
  bloom_filter = 30,
  user_ringbuf = 31,
  cgrp_storage = 32,
  arena = 33,
};

/// Flags of a map update (BPF_ANY, BPF_NOEXIST, BPF_EXIST).
enum class Update : std::uint64_t {
  any = 0,       ///< create or replace
  no_exist = 1,  ///< create only; EEXIST when the key is there
  exist = 2,     ///< replace only; ENOENT when the key is not there
};

/// Flags of map creation (BPF_F_*), as found in `map_flags`.
namespace map_flag {
inline constexpr std::uint32_t no_prealloc = 1u << 0;
inline constexpr std::uint32_t no_common_lru = 1u << 1;
inline constexpr std::uint32_t numa_node = 1u << 2;
inline constexpr std::uint32_t rdonly = 1u << 3;
inline constexpr std::uint32_t wronly = 1u << 4;
inline constexpr std::uint32_t stack_build_id = 1u << 5;
inline constexpr std::uint32_t zero_seed = 1u << 6;
inline constexpr std::uint32_t rdonly_prog = 1u << 7;
inline constexpr std::uint32_t wronly_prog = 1u << 8;
inline constexpr std::uint32_t clone = 1u << 9;
inline constexpr std::uint32_t mmapable = 1u << 10;
inline constexpr std::uint32_t preserve_elems = 1u << 11;
inline constexpr std::uint32_t inner_map = 1u << 12;
inline constexpr std::uint32_t link = 1u << 13;
inline constexpr std::uint32_t segv_on_fault = 1u << 17;
inline constexpr std::uint32_t no_user_conv = 1u << 18;
}  // namespace map_flag

/// XDP verdicts (enum xdp_action).
enum class XdpAction : std::uint32_t { aborted = 0, drop = 1, pass = 2, tx = 3, redirect = 4 };

/// "xdp", "sched_cls", …; "prog_type_<n>" has no name here: an unknown value gives "unknown". Static storage.
[[nodiscard]] std::string_view name_of(ProgType type) noexcept;
/// "hash", "percpu_array", …, in bpftool's spelling; "unknown" for a value Linux 6.18 does not have. Static storage.
[[nodiscard]] std::string_view name_of(MapType type) noexcept;
/// The MapType that name_of() prints as `name`; MapType::unspec when there is none.
[[nodiscard]] MapType map_type_named(std::string_view name) noexcept;
/// The ProgType that name_of() prints as `name`; ProgType::unspec when there is none.
[[nodiscard]] ProgType prog_type_named(std::string_view name) noexcept;

}  // namespace skep
