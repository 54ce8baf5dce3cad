// Maps and helpers of the host, called as a C program calls a library: what the same functions do for the other
// engines.
#pragma once

#include "../host_library.h"

#define HOST_MAP(name, kind, key_bytes, value_bytes, entries)                                 \
  static struct host_map name = {BPF_MAP_TYPE_##kind, key_bytes, value_bytes, entries, NULL}; \
  __attribute__((constructor)) static void make_##name(void) { host_map_create(&name); }      \
  _Static_assert((entries) != 0, "")
#define ARRAY_MAP(name, type, entries) HOST_MAP(name, ARRAY, sizeof(__u32), sizeof(type), entries)
#define PERCPU_ARRAY_MAP(name, type, entries) HOST_MAP(name, PERCPU_ARRAY, sizeof(__u32), sizeof(type), entries)
#define HASH_MAP(name, type, entries) HOST_MAP(name, HASH, sizeof(__u64), sizeof(type), entries)
#define LOOKUP(map, key) host_map_lookup_elem(&map, key)
#define UPDATE(map, key, value) host_map_update_elem(&map, key, value, 0)

#define RING(name, bytes)                                                 \
  HOST_MAP(name, RINGBUF, 0, 0, bytes);                                   \
  void GLUE(VARIANT, drain_##name)(void);                                 \
  void GLUE(VARIANT, drain_##name)(void) { host_ringbuf_consume(&name); } \
  _Static_assert(((bytes) & ((bytes)-1)) == 0, "")
#define RESERVE(ring, bytes) host_ringbuf_reserve(&ring, bytes)
#define SUBMIT(ring, record) host_ringbuf_submit(&ring, record)

#define NOW() host_ktime_get_ns()
#define RANDOM() host_get_prandom_u32()
#define CPU() host_get_smp_processor_id()
