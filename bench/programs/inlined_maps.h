// Maps and helpers that the compiler may inline: plain arrays, a plain hash table and a ring of one producer, without
// locks, seeds or anybody else who looks at them. The fastest thing a C programmer would write; less than Linux' maps.
#pragma once

#include <sched.h>
#include <time.h>

#define ARRAY_OF(storage, name, type, entries)                                                            \
  static storage type name##_values[entries];                                                             \
  INLINE type* name##_lookup(const __u32* key) { return *key < (entries) ? &name##_values[*key] : NULL; } \
  INLINE long name##_update(const __u32* key, const type* value) {                                        \
    if (*key >= (entries)) return -7;                                                                     \
    name##_values[*key] = *value;                                                                         \
    return 0;                                                                                             \
  }                                                                                                       \
  _Static_assert(sizeof(type) != 0, "")
#define ARRAY_MAP(name, type, entries) ARRAY_OF(, name, type, entries)
#define PERCPU_ARRAY_MAP(name, type, entries) ARRAY_OF(_Thread_local, name, type, entries)

// Linear probing in twice as many places as there are entries (a power of two).
#define HASH_MAP(name, type, entries)                                                               \
  static struct {                                                                                   \
    __u64 key;                                                                                      \
    __u32 used;                                                                                     \
    type value;                                                                                     \
  } name##_places[2 * (entries)];                                                                   \
  static inline __u32 name##_find(__u64 key) {                                                      \
    __u32 at = (__u32)(key * 0x9e3779b97f4a7c15u >> 40) % (2 * (entries));                          \
    while (name##_places[at].used && name##_places[at].key != key) at = (at + 1) % (2 * (entries)); \
    return at;                                                                                      \
  }                                                                                                 \
  INLINE type* name##_lookup(const __u64* key) {                                                    \
    const __u32 at = name##_find(*key);                                                             \
    return name##_places[at].used ? &name##_places[at].value : NULL;                                \
  }                                                                                                 \
  INLINE long name##_update(const __u64* key, const type* value) {                                  \
    const __u32 at = name##_find(*key);                                                             \
    name##_places[at].key = *key;                                                                   \
    name##_places[at].used = 1;                                                                     \
    name##_places[at].value = *value;                                                               \
    return 0;                                                                                       \
  }                                                                                                 \
  _Static_assert(((entries) & ((entries)-1)) == 0, "")
#define LOOKUP(map, key) map##_lookup(key)
#define UPDATE(map, key, value) map##_update(key, value)

// Records of one producer, a header of 8 bytes before each, that wrap at the end; VARIANT_drain_NAME() is the consumer.
#define RING(name, bytes)                                                                                \
  static __u8 name##_memory[bytes] __attribute__((aligned(64)));                                         \
  static __u64 name##_produced, name##_consumed;                                                         \
  INLINE void* name##_reserve(__u64 size) {                                                              \
    const __u64 whole = (size + 8 + 7) & ~(__u64)7;                                                      \
    __u64 start = name##_produced;                                                                       \
    if (start % (bytes) + whole > (bytes)) start += (bytes)-start % (bytes);                             \
    if (start + whole - name##_consumed > (bytes)) return NULL;                                          \
    __u8* const header = &name##_memory[start % (bytes)];                                                \
    *(__u64*)header = size;                                                                              \
    name##_produced = start + whole;                                                                     \
    return header + 8;                                                                                   \
  }                                                                                                      \
  /* The consumer's thread may look from here on. */                                                     \
  INLINE void name##_submit(void* record) { __atomic_store_n((__u64*)record - 1, 1, __ATOMIC_RELEASE); } \
  void GLUE(VARIANT, drain_##name)(void);                                                                \
  void GLUE(VARIANT, drain_##name)(void) { name##_consumed = name##_produced; }                          \
  _Static_assert(((bytes) & ((bytes)-1)) == 0, "")
#define RESERVE(ring, bytes) ring##_reserve(bytes)
#define SUBMIT(ring, record) ring##_submit(record)

INLINE __u64 now(void) {
  struct timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return (__u64)time.tv_sec * 1000000000 + (__u64)time.tv_nsec;
}
// xorshift32
INLINE __u32 random_number(void) {
  static __u32 state = 2463534242u;
  state ^= state << 13;
  state ^= state >> 17;
  return state ^= state << 5;
}
#define NOW() now()
#define RANDOM() random_number()
#define CPU() ((__u32)sched_getcpu())
