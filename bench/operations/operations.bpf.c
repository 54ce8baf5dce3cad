// One program an operation, each of which does it OPERATIONS times in a loop; `loop` does nothing else than the loop.
//
// Keys depend on the packet, so that neither compiler nor verifier knows them. The maps are filled by the benchmark.
#include <linux/bpf.h>

#include <bpf/bpf_helpers.h>

#define OPERATIONS 1024  // OPERATIONS in ../operations.cpp
#define ENTRIES 1024
#define KEYS 512  // those of [0, KEYS) are there

char LICENSE[] SEC("license") = "GPL";

struct key16 {
  __u64 words[2];
};
struct key24 {
  __u64 words[3];
};

#define MAP(name, kind, key_type)              \
  struct {                                     \
    __uint(type, BPF_MAP_TYPE_##kind);         \
    __uint(max_entries, ENTRIES);              \
    __type(key, key_type);                     \
    __type(value, __u64);                      \
  } name SEC(".maps")

MAP(array, ARRAY, __u32);
MAP(percpu_array, PERCPU_ARRAY, __u32);
MAP(hash4, HASH, __u32);
MAP(hash8, HASH, __u64);
MAP(hash16, HASH, struct key16);
MAP(hash24, HASH, struct key24);
MAP(percpu_hash, PERCPU_HASH, __u64);
MAP(lru_hash, LRU_HASH, __u64);

struct {
  __uint(type, BPF_MAP_TYPE_RINGBUF);
  __uint(max_entries, 1 << 17);
} ring SEC(".maps");

// The key of round i; the body adds to sum what it finds.
#define OPERATION(name, ...)                                          \
  SEC("xdp") int name(struct xdp_md* ctx) {                           \
    const __u8* data = (const __u8*)(long)ctx->data;                  \
    if (data + 64 > (const __u8*)(long)ctx->data_end) return -1;      \
    const __u32 first = *(const __u32*)data;                          \
    __u64 sum = 0;                                                    \
    _Pragma("clang loop unroll(disable)")                             \
    for (__u32 i = 0; i < OPERATIONS; ++i) {                          \
      const __u32 number = (first + i * 37) & (KEYS - 1);             \
      __VA_ARGS__                                                     \
    }                                                                 \
    return (int)sum;                                                  \
  }

#define LOOKUP(name, map, key_type, ...)                              \
  OPERATION(name, {                                                   \
    const key_type key = __VA_ARGS__;                                 \
    const __u64* value = bpf_map_lookup_elem(&map, &key);             \
    if (!value) return -1;                                            \
    sum += *value;                                                    \
  })
#define UPDATE(name, map, key_type, ...)                              \
  OPERATION(name, {                                                   \
    const key_type key = __VA_ARGS__;                                 \
    const __u64 value = number;                                       \
    sum += bpf_map_update_elem(&map, &key, &value, BPF_ANY);          \
  })

OPERATION(loop, sum += number;)
LOOKUP(array_lookup, array, __u32, number)
UPDATE(array_update, array, __u32, number)
LOOKUP(percpu_array_lookup, percpu_array, __u32, number)
LOOKUP(hash4_lookup, hash4, __u32, number)
LOOKUP(hash8_lookup, hash8, __u64, number)
LOOKUP(hash16_lookup, hash16, struct key16, {{number, 0}})
LOOKUP(hash24_lookup, hash24, struct key24, {{number, 0, 0}})
LOOKUP(percpu_hash_lookup, percpu_hash, __u64, number)
LOOKUP(lru_hash_lookup, lru_hash, __u64, number)
UPDATE(hash4_update, hash4, __u32, number)
UPDATE(hash8_update, hash8, __u64, number)
UPDATE(hash16_update, hash16, struct key16, {{number, 0}})
UPDATE(percpu_hash_update, percpu_hash, __u64, number)
UPDATE(lru_hash_update, lru_hash, __u64, number)
OPERATION(hash8_erase_insert, {
  const __u64 key = number;
  sum += bpf_map_delete_elem(&hash8, &key);
  sum += bpf_map_update_elem(&hash8, &key, &key, BPF_NOEXIST);
})
OPERATION(ringbuf_reserve_submit, {
  __u64* record = bpf_ringbuf_reserve(&ring, 64, 0);
  if (!record) return -1;
  record[0] = number;
  bpf_ringbuf_submit(record, 0);
})
OPERATION(get_smp_processor_id, sum += bpf_get_smp_processor_id() + number;)
OPERATION(ktime_get_ns, sum += bpf_ktime_get_ns() & number;)
OPERATION(get_prandom_u32, sum += bpf_get_prandom_u32() & number;)

static long add(__u32 i, __u64* sum) {
  *sum += i;
  return 0;
}

SEC("xdp") int bpf_loop_round(struct xdp_md* ctx) {
  __u64 sum = ctx->data_end - ctx->data;
  bpf_loop(OPERATIONS, add, &sum, 0);
  return (int)sum;
}
