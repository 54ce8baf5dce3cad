// Functions that are not inlined, two deep, 32 times.
#include "program.h"

static __noinline __u64 mix(__u64 a, __u64 b) { return (a ^ b >> 3) * 31; }

static __noinline __u64 fold(__u64 a, __u64 b, __u64 c) { return mix(a + 1, b) + mix(c, a); }

PROGRAM(subprograms) {
  REQUIRE_INPUT();
  __u64 sum = INPUT_64(1);
#pragma unroll 1
  for (int i = 0; i < 32; ++i) sum = fold(sum, INPUT_64(2), i);
  return (__u32)(sum ^ sum >> 32);
}
