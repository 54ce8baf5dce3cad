/* The host's maps and helpers as a C library: what natively compiled programs call. The functions do, for the same
   maps, what the helpers of these names do for programs on skep's engines, and find a map's code as a helper does, in
   the map. From one thread; a map lives as long as the process. */
#pragma once

#include <linux/bpf.h>

#ifdef __cplusplus
extern "C" {
#endif

struct host_map {
  enum bpf_map_type type;
  __u32 key_size, value_size, max_entries;
  void* storage; /* filled by host_map_create() */
};

void host_map_create(struct host_map* map);
void* host_map_lookup_elem(const struct host_map* map, const void* key);
long host_map_update_elem(const struct host_map* map, const void* key, const void* value, __u64 flags);
void* host_ringbuf_reserve(const struct host_map* map, __u64 size);
void host_ringbuf_submit(const struct host_map* map, void* record);
void host_ringbuf_consume(const struct host_map* map);
__u64 host_ktime_get_ns(void);
__u32 host_get_prandom_u32(void);
__u32 host_get_smp_processor_id(void);

#ifdef __cplusplus
}
#endif
