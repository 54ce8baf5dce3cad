// One maker a kind, for the factory alone. A maker gets a spec that Linux would accept and gives the live map, or null
// when its memory would pass `max_bytes` or the system refuses it (ENOMEM).
#pragma once

#include <cstdint>
#include <memory>

#include "maps/map_storage.hpp"

namespace skep::maps {

struct Creation {
  MapSpec spec;
  unsigned cpus = 1;            ///< values of a per-CPU map, at least 1
  std::uint64_t max_bytes = 0;  ///< address space the map may take
};

using Maker = std::shared_ptr<MapStorage> (*)(const Creation&);

[[nodiscard]] std::shared_ptr<MapStorage> make_array(const Creation& creation);
[[nodiscard]] std::shared_ptr<MapStorage> make_percpu_array(const Creation& creation);
[[nodiscard]] std::shared_ptr<MapStorage> make_hash(const Creation& creation);
[[nodiscard]] std::shared_ptr<MapStorage> make_percpu_hash(const Creation& creation);
[[nodiscard]] std::shared_ptr<MapStorage> make_lru_hash(const Creation& creation);
[[nodiscard]] std::shared_ptr<MapStorage> make_lru_percpu_hash(const Creation& creation);
[[nodiscard]] std::shared_ptr<MapStorage> make_lpm_trie(const Creation& creation);
[[nodiscard]] std::shared_ptr<MapStorage> make_queue(const Creation& creation);
[[nodiscard]] std::shared_ptr<MapStorage> make_stack(const Creation& creation);
[[nodiscard]] std::shared_ptr<MapStorage> make_bloom_filter(const Creation& creation);
[[nodiscard]] std::shared_ptr<MapStorage> make_perf_event_array(const Creation& creation);
[[nodiscard]] std::shared_ptr<MapStorage> make_prog_array(const Creation& creation);
[[nodiscard]] std::shared_ptr<MapStorage> make_array_of_maps(const Creation& creation);
[[nodiscard]] std::shared_ptr<MapStorage> make_hash_of_maps(const Creation& creation);
[[nodiscard]] std::shared_ptr<MapStorage> make_ring_buffer(const Creation& creation);
/// A ring whose positions start at `first_position`, a multiple of 8, for tests of what happens when they overflow.
[[nodiscard]] std::shared_ptr<MapStorage> make_ring_buffer_at(const Creation& creation, std::uint64_t first_position);
[[nodiscard]] std::shared_ptr<MapStorage> make_devmap(const Creation& creation);
[[nodiscard]] std::shared_ptr<MapStorage> make_devmap_hash(const Creation& creation);
[[nodiscard]] std::shared_ptr<MapStorage> make_cpumap(const Creation& creation);
[[nodiscard]] std::shared_ptr<MapStorage> make_xskmap(const Creation& creation);

}  // namespace skep::maps
