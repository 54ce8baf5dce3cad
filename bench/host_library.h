/* The host's maps and helpers as a C library: what natively compiled programs call. The functions do, for the same
   maps, what the helpers of these names do for programs on skep's engines, and find a map's code as a helper does, in
   the map. From one thread; a map lives as long as the process. */
#pragma once

#ifdef __cplusplus
#include <cstdint>
extern "C" {
typedef std::uint32_t host_u32;
typedef std::uint64_t host_u64;
#else
typedef __u32 host_u32;
typedef __u64 host_u64;
#endif

enum host_map_type { HOST_ARRAY = 2, HOST_PERCPU_ARRAY = 6, HOST_HASH = 1, HOST_RINGBUF = 27 }; /* as in linux/bpf.h */

struct host_map {
  enum host_map_type type;
  host_u32 key_size, value_size, max_entries;
  void* storage; /* filled by host_map_create() */
};

void host_map_create(struct host_map* map);
void* host_map_lookup_elem(const struct host_map* map, const void* key);
long host_map_update_elem(const struct host_map* map, const void* key, const void* value, host_u64 flags);
void* host_ringbuf_reserve(const struct host_map* map, host_u64 size);
void host_ringbuf_submit(const struct host_map* map, void* record);
void host_ringbuf_consume(const struct host_map* map);
host_u64 host_ktime_get_ns(void);
host_u32 host_get_prandom_u32(void);
host_u32 host_get_smp_processor_id(void);

#ifdef __cplusplus
}
#endif
