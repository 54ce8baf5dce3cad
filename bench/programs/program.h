// What a benchmark program is written in: C that is compiled several times, for BPF and for this machine.
//
// A program reads its input from the bytes of a packet, so that no compiler can know it, and returns 32 bits of result.
// On BPF it is an XDP program with Linux' maps and helpers. Natively it is a function that calls the host's maps and
// helpers as it would a library's; a second build has maps that the compiler may inline. DPDK (BENCH_DPDK) knows no
// struct xdp_md; its programs get 64-bit pointers.
#pragma once

#include <linux/types.h>

#ifdef __bpf__

#include <linux/bpf.h>

#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

#ifdef BENCH_DPDK
struct bench_context {
  __u64 data, data_end;
};
#else
#define bench_context xdp_md
#endif

#define PROGRAM(name)                                                             \
  static __always_inline __u32 name##_body(__u8* data, const __u8* end);          \
  char LICENSE[] SEC("license") = "GPL";                                          \
  SEC("xdp") int name(struct bench_context* ctx) {                                \
    return name##_body((__u8*)(long)ctx->data, (const __u8*)(long)ctx->data_end); \
  }                                                                               \
  static __always_inline __u32 name##_body(__u8* data, const __u8* end)

#define MAP(name, kind, key_type, value_type, entries) \
  struct {                                             \
    __uint(type, BPF_MAP_TYPE_##kind);                 \
    __uint(max_entries, entries);                      \
    __type(key, key_type);                             \
    __type(value, value_type);                         \
  } name SEC(".maps")
#define ARRAY_MAP(name, type, entries) MAP(name, ARRAY, __u32, type, entries)
#define PERCPU_ARRAY_MAP(name, type, entries) MAP(name, PERCPU_ARRAY, __u32, type, entries)
#define HASH_MAP(name, type, entries) MAP(name, HASH, __u64, type, entries)
#define LOOKUP(map, key) bpf_map_lookup_elem(&map, key)
#define UPDATE(map, key, value) bpf_map_update_elem(&map, key, value, BPF_ANY)

#define RING(name, bytes)               \
  struct {                              \
    __uint(type, BPF_MAP_TYPE_RINGBUF); \
    __uint(max_entries, bytes);         \
  } name SEC(".maps")
#define RESERVE(ring, bytes) bpf_ringbuf_reserve(&ring, bytes, 0)
#define SUBMIT(ring, record) bpf_ringbuf_submit(record, 0)

#define NOW() bpf_ktime_get_ns()
#define RANDOM() bpf_get_prandom_u32()
#define CPU() bpf_get_smp_processor_id()

#else

#include "native.h"

#endif

// Every program but the packet parser and the load balancer gets this many bytes.
#define INPUT_BYTES 512
#define REQUIRE_INPUT() \
  if (data + INPUT_BYTES > end) return 0

#define INPUT_16(at) (((const __u16*)data)[at])
#define INPUT_32(at) (((const __u32*)data)[at])
#define INPUT_64(at) (((const __u64*)data)[at])
