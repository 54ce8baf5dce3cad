// What a benchmark program is written in: C that is compiled twice, for BPF and for this machine.
//
// A program reads its input from the bytes of a packet, so that no compiler can know it, and returns 32 bits of result.
// On BPF it is an XDP program with Linux' maps and helpers; natively it is a function, and its maps are plain arrays and
// a plain hash table without locks or seeds that the compiler may inline: the fastest thing a C programmer would write.
#pragma once

#include <linux/types.h>

#ifdef __bpf__

#include <linux/bpf.h>

#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

#define PROGRAM(name)                                                                              \
  static __always_inline __u32 name##_body(const __u8* data, const __u8* end);                     \
  char LICENSE[] SEC("license") = "GPL";                                                           \
  SEC("xdp") int name(struct xdp_md* ctx) {                                                        \
    return name##_body((const __u8*)(long)ctx->data, (const __u8*)(long)ctx->data_end);            \
  }                                                                                                \
  static __always_inline __u32 name##_body(const __u8* data, const __u8* end)

#define ARRAY_MAP(name, type_, entries) \
  struct {                              \
    __uint(type, BPF_MAP_TYPE_ARRAY);   \
    __uint(max_entries, entries);       \
    __type(key, __u32);                 \
    __type(value, type_);               \
  } name SEC(".maps")
#define HASH_MAP(name, type_, entries) \
  struct {                             \
    __uint(type, BPF_MAP_TYPE_HASH);   \
    __uint(max_entries, entries);      \
    __type(key, __u64);                \
    __type(value, type_);              \
  } name SEC(".maps")
#define LOOKUP(map, key) bpf_map_lookup_elem(&map, key)
#define UPDATE(map, key, value) bpf_map_update_elem(&map, key, value, BPF_ANY)

#else

#include <stddef.h>

#define __noinline __attribute__((noinline))
#define __maybe_unused __attribute__((unused))
#define bpf_ntohs(x) __builtin_bswap16(x)
#define bpf_ntohl(x) __builtin_bswap32(x)
#define bpf_be64_to_cpu(x) __builtin_bswap64(x)

#define PROGRAM(name)                                          \
  __u32 native_##name(const __u8* data, const __u8* end);      \
  __u32 native_##name(const __u8* data, const __u8* end)

#define ARRAY_MAP(name, type, entries)                                        \
  static type name##_values[entries];                                         \
  static inline __maybe_unused type* name##_lookup(const __u32* key) {                       \
    return *key < (entries) ? &name##_values[*key] : NULL;                    \
  }                                                                           \
  static inline __maybe_unused long name##_update(const __u32* key, const type* value) {     \
    if (*key >= (entries)) return -7;                                         \
    name##_values[*key] = *value;                                             \
    return 0;                                                                 \
  }                                                                           \
  _Static_assert(sizeof(type) != 0, "")
// Linear probing in twice as many places as there are entries (a power of two).
#define HASH_MAP(name, type, entries)                                         \
  static struct {                                                             \
    __u64 key;                                                                \
    __u32 used;                                                               \
    type value;                                                               \
  } name##_places[2 * (entries)];                                             \
  static inline __u32 name##_find(__u64 key) {                                \
    __u32 at = (__u32)(key * 0x9e3779b97f4a7c15u >> 40) % (2 * (entries));    \
    while (name##_places[at].used && name##_places[at].key != key)            \
      at = (at + 1) % (2 * (entries));                                        \
    return at;                                                                \
  }                                                                           \
  static inline __maybe_unused type* name##_lookup(const __u64* key) {                       \
    const __u32 at = name##_find(*key);                                       \
    return name##_places[at].used ? &name##_places[at].value : NULL;          \
  }                                                                           \
  static inline __maybe_unused long name##_update(const __u64* key, const type* value) {     \
    const __u32 at = name##_find(*key);                                       \
    name##_places[at].key = *key;                                             \
    name##_places[at].used = 1;                                               \
    name##_places[at].value = *value;                                         \
    return 0;                                                                 \
  }                                                                           \
  _Static_assert(((entries) & ((entries) - 1)) == 0, "")
#define LOOKUP(map, key) map##_lookup(key)
#define UPDATE(map, key, value) map##_update(key, value)

#endif

// Every program but the packet parser gets this many bytes.
#define INPUT_BYTES 512
#define REQUIRE_INPUT() \
  if (data + INPUT_BYTES > end) return 0

#define INPUT_16(at) (((const __u16*)data)[at])
#define INPUT_32(at) (((const __u32*)data)[at])
#define INPUT_64(at) (((const __u64*)data)[at])
