// The smallest map of each type that the running kernel makes without BTF or a live object, for tests that ask which
// helpers take it.
#pragma once

#include <linux/bpf.h>

#include <cstdint>
#include <map>

#include "support/kernel.hpp"

namespace skep::kernel {

struct SmallMap {
  MapType type;
  std::uint32_t key_size = 4;
  std::uint32_t value_size = 4;
  std::uint32_t max_entries = 1;
  std::uint32_t flags = 0;
  bool holds_maps = false;
};
inline constexpr SmallMap kSmallMaps[] = {
    {MapType::hash},
    {MapType::array},
    {MapType::prog_array},
    {MapType::perf_event_array},
    {MapType::percpu_hash},
    {MapType::percpu_array},
    {MapType::stack_trace, 4, 8},
    {MapType::cgroup_array},
    {MapType::lru_hash},
    {MapType::lru_percpu_hash},
    {MapType::lpm_trie, 8, 4, 1, BPF_F_NO_PREALLOC},
    {.type = MapType::array_of_maps, .holds_maps = true},
    {.type = MapType::hash_of_maps, .holds_maps = true},
    {MapType::devmap},
    {MapType::sockmap},
    {MapType::cpumap},
    {MapType::xskmap},
    {MapType::sockhash},
    {MapType::cgroup_storage, 8, 4, 0},
    {MapType::reuseport_sockarray, 4, 8},
    {MapType::percpu_cgroup_storage, 8, 4, 0},
    {MapType::queue, 0},
    {MapType::stack, 0},
    {MapType::devmap_hash},
    {MapType::ringbuf, 0, 0, 4096},
    {MapType::bloom_filter, 0},
    {MapType::user_ringbuf, 0, 0, 4096},
    {MapType::arena, 0, 0, 1, BPF_F_MMAPABLE},
};

inline Descriptor create(const SmallMap& map) {
  bpf_attr attr{};
  attr.map_type = static_cast<std::uint32_t>(map.type);
  attr.key_size = map.key_size;
  attr.value_size = map.value_size;
  attr.max_entries = map.max_entries;
  attr.map_flags = map.flags;
  Descriptor inner;
  if (map.holds_maps) {
    inner = create({MapType::array});
    attr.inner_map_fd = static_cast<std::uint32_t>(inner.get());
  }
  return Descriptor(call(BPF_MAP_CREATE, attr));
}

/// All of them that this kernel makes, by type.
inline std::map<MapType, Descriptor> small_maps() {
  std::map<MapType, Descriptor> maps;
  for (const SmallMap& small : kSmallMaps)
    if (Descriptor map = create(small); map.ok()) maps.emplace(small.type, std::move(map));
  return maps;
}

}  // namespace skep::kernel
