// SipHash-2-4 of 256 bytes: 64-bit rotations, additions and exclusive ors, each depending on the one before.
#include "program.h"

#define ROTATE(x, k) ((x) << (k) | (x) >> (64 - (k)))
#define ROUND(v0, v1, v2, v3)           \
  do {                                  \
    v0 += v1, v1 = ROTATE(v1, 13) ^ v0; \
    v0 = ROTATE(v0, 32);                \
    v2 += v3, v3 = ROTATE(v3, 16) ^ v2; \
    v0 += v3, v3 = ROTATE(v3, 21) ^ v0; \
    v2 += v1, v1 = ROTATE(v1, 17) ^ v2; \
    v2 = ROTATE(v2, 32);                \
  } while (0)

PROGRAM(siphash) {
  REQUIRE_INPUT();
  const __u64 k0 = INPUT_64(62), k1 = INPUT_64(63);
  __u64 v0 = k0 ^ 0x736f6d6570736575u, v1 = k1 ^ 0x646f72616e646f6du;
  __u64 v2 = k0 ^ 0x6c7967656e657261u, v3 = k1 ^ 0x7465646279746573u;
#pragma unroll 1
  for (int i = 0; i < 32; ++i) {
    const __u64 word = INPUT_64(i);
    v3 ^= word;
    ROUND(v0, v1, v2, v3);
    ROUND(v0, v1, v2, v3);
    v0 ^= word;
  }
  // The last word holds the length modulo 256 and the bytes left over: nothing.
  ROUND(v0, v1, v2, v3);
  ROUND(v0, v1, v2, v3);
  v2 ^= 0xff;
#pragma unroll 1
  for (int i = 0; i < 4; ++i) ROUND(v0, v1, v2, v3);
  const __u64 hash = v0 ^ v1 ^ v2 ^ v3;
  return (__u32)(hash ^ hash >> 32);
}
