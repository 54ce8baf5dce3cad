#include "host_library.h"

#include <cstddef>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <span>
#include <vector>

#include <skep/host.hpp>

#include "maps/map_storage.hpp"
#include "maps/ringbuf.hpp"

namespace {

using namespace skep;

maps::MapStorage& storage_of(const host_map* map) { return *static_cast<maps::MapStorage*>(map->storage); }
maps::RingBufferMap& ring_of(const host_map* map) { return *storage_of(map).ring_buffer(); }

Host& host() {
  static const std::shared_ptr<Host> process = make_process_host();
  return *process;
}

/// A run holds its CPU from the first time that it asks on; this program is one long run.
unsigned held_cpu() {
  static const unsigned cpu = host().acquire_cpu();
  return cpu;
}

}  // namespace

void host_map_create(host_map* map) {
  static std::vector<std::shared_ptr<maps::MapStorage>> all;
  const MapSpec spec{.name = "native",
                     .type = static_cast<MapType>(map->type),
                     .key_size = map->key_size,
                     .value_size = map->value_size,
                     .max_entries = map->max_entries};
  auto created = maps::create(spec);
  if (!created) {
    std::fprintf(stderr, "%s\n", created.error().message().c_str());
    std::exit(1);
  }
  map->storage = all.emplace_back(std::move(*created)).get();
}

void* host_map_lookup_elem(const host_map* map, const void* key) {
  maps::MapStorage& storage = storage_of(map);
  return storage.lookup(static_cast<const std::byte*>(key), storage.per_cpu() ? held_cpu() : 0);
}

long host_map_update_elem(const host_map* map, const void* key, const void* value, __u64 flags) {
  maps::MapStorage& storage = storage_of(map);
  return storage.update(static_cast<const std::byte*>(key), static_cast<const std::byte*>(value), flags,
                        storage.per_cpu() ? held_cpu() : 0);
}

void* host_ringbuf_reserve(const host_map* map, __u64 size) { return ring_of(map).reserve(size); }
void host_ringbuf_submit(const host_map* map, void* record) { ring_of(map).submit(static_cast<std::byte*>(record), 0); }
void host_ringbuf_consume(const host_map* map) {
  ring_of(map).consume([](std::span<const std::byte>) { return true; });
}

__u64 host_ktime_get_ns() { return host().now_ns(Clock::monotonic); }
__u32 host_get_prandom_u32() { return host().random_u32(); }
__u32 host_get_smp_processor_id() { return held_cpu(); }
