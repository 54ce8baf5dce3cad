// A 64-bit hash of 512 bytes in the manner of MurmurHash2.
#include "program.h"

PROGRAM(hash64) {
  REQUIRE_INPUT();
  const __u64 m = 0xc6a4a7935bd1e995u;
  __u64 h = 0x8445d61a4e774912u ^ (INPUT_BYTES * m);
#pragma unroll 1
  for (int i = 0; i < INPUT_BYTES / 8; ++i) {
    __u64 k = INPUT_64(i) * m;
    k ^= k >> 47;
    h = (h ^ k * m) * m;
  }
  h ^= h >> 47;
  h *= m;
  return (__u32)(h ^ h >> 32);
}
