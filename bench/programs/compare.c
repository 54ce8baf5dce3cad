// Sixteen comparisons of 64 bytes as memcmp() makes them, a word at a time: with what the first run kept of the packet,
// each differing from it at another place.
#include "program.h"

#define WORDS 8  // in a record

static __u64 kept[64];
static __u32 ready;

PROGRAM(compare) {
  REQUIRE_INPUT();
  if (!ready) {
#pragma unroll 1
    for (int i = 0; i < 64; ++i) kept[i] = INPUT_64(i) ^ (__u64)(i % (WORDS + 1) == WORDS) << i;
    ready = 1;
  }
  __u32 order = 0;
#pragma unroll 1
  for (int pass = 0; pass < 2; ++pass) {
#pragma unroll 1
    for (int record = 0; record < 8; ++record) {
      __u32 less = 0, equal = 1;
#pragma unroll 1
      for (int i = 0; i < WORDS; ++i) {
        const __u64 a = INPUT_64(WORDS * record + i), b = kept[(WORDS * record + i + pass) & 63];
        if (a == b) continue;
        less = bpf_be64_to_cpu(a) < bpf_be64_to_cpu(b);
        equal = 0;
        break;
      }
      order = order << 1 ^ less ^ equal << 31 ^ order >> 30;
    }
  }
  return order;
}
