// Bits counted, paired, reversed and searched by hand, without the processor's instructions for it.
#include "program.h"

static inline __u32 count_ones(__u64 x) {
  x -= x >> 1 & 0x5555555555555555u;
  x = (x & 0x3333333333333333u) + (x >> 2 & 0x3333333333333333u);
  x = (x + (x >> 4)) & 0x0f0f0f0f0f0f0f0fu;
  return (__u32)(x * 0x0101010101010101u >> 56);
}

static inline __u32 parity(__u32 x) {
  x ^= x >> 16;
  x ^= x >> 8;
  x ^= x >> 4;
  return 0x6996u >> (x & 15) & 1;
}

static inline __u32 reverse(__u32 x) {
  x = (x >> 1 & 0x55555555u) | (x & 0x55555555u) << 1;
  x = (x >> 2 & 0x33333333u) | (x & 0x33333333u) << 2;
  x = (x >> 4 & 0x0f0f0f0fu) | (x & 0x0f0f0f0fu) << 4;
  x = (x >> 8 & 0x00ff00ffu) | (x & 0x00ff00ffu) << 8;
  return x >> 16 | x << 16;
}

static inline __u32 leading_zeros(__u64 x) {
  __u32 zeros = 0;
  if (x >> 32 == 0) zeros += 32, x <<= 32;
  if (x >> 48 == 0) zeros += 16, x <<= 16;
  if (x >> 56 == 0) zeros += 8, x <<= 8;
  if (x >> 60 == 0) zeros += 4, x <<= 4;
  if (x >> 62 == 0) zeros += 2, x <<= 2;
  return zeros + (x >> 63 == 0);
}

PROGRAM(bit_tricks) {
  REQUIRE_INPUT();
  __u32 mixed = 0;
#pragma unroll 1
  for (int i = 0; i < 32; ++i) {
    const __u64 x = INPUT_64(i) + mixed;
    mixed = reverse(mixed ^ (__u32)x) + count_ones(x);
    mixed += parity((__u32)(x >> 32)) + leading_zeros(x >> (mixed & 63) | 1);
    mixed ^= (__u32)(x & -x) + (__u32)((x & (x - 1)) >> 32);
  }
  return mixed;
}
