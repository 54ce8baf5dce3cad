// The sieve of Eratosthenes below 512, and counting bits with shifts and masks.
#include "program.h"

#define COUNT 512

static __u8 composite[COUNT];

static inline __u32 count_bits(__u64 x) {
  x -= x >> 1 & 0x5555555555555555u;
  x = (x & 0x3333333333333333u) + (x >> 2 & 0x3333333333333333u);
  x = (x + (x >> 4)) & 0x0f0f0f0f0f0f0f0fu;
  return (__u32)(x * 0x0101010101010101u >> 56);
}

PROGRAM(sieve) {
  REQUIRE_INPUT();
#pragma unroll 1
  for (int i = 0; i < COUNT; i += 8) *(__u64*)&composite[i] = 0;
#pragma unroll 1
  for (int i = 2; i * i < COUNT; ++i) {
    if (composite[i]) continue;
#pragma unroll 1
    for (int j = i * i; j < COUNT; j += i) composite[j] = 1;
  }
  __u32 bits = 0;
#pragma unroll 1
  for (int i = 0; i < COUNT; i += 8) bits += count_bits(*(const __u64*)&composite[i] ^ INPUT_64(i / 8));
  return bits;
}
