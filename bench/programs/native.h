// What program.h is on this machine. VARIANT names the build, "native", "scalar" or "inlined": all are linked into one
// program.
#pragma once

#define _GNU_SOURCE
#include <stddef.h>

#define __noinline __attribute__((noinline))
#define INLINE static inline __attribute__((unused))
#define bpf_ntohs(x) __builtin_bswap16(x)
#define bpf_htons(x) __builtin_bswap16(x)
#define bpf_ntohl(x) __builtin_bswap32(x)
#define bpf_htonl(x) __builtin_bswap32(x)
#define bpf_be64_to_cpu(x) __builtin_bswap64(x)

#define GLUE_(a, b) a##_##b
#define GLUE(a, b) GLUE_(a, b)
#define PROGRAM(name)                                      \
  __u32 GLUE(VARIANT, name)(__u8 * data, const __u8* end); \
  __u32 GLUE(VARIANT, name)(__u8 * data, const __u8* end)

#ifdef BENCH_INLINED
#include "inlined_maps.h"
#else
#include "host_maps.h"
#endif
