// 64- and 32-bit arithmetic and logic in registers, 64 rounds, each depending on the one before.
#include "program.h"

PROGRAM(alu) {
  REQUIRE_INPUT();
  __u64 a = INPUT_64(0), b = INPUT_64(1), c = INPUT_64(2);
  __u32 d = INPUT_32(6), e = INPUT_32(7);
#pragma unroll 1
  for (int round = 0; round < 64; ++round) {
    a += b ^ (c >> 7);
    b = (b << 5) - a;
    c = (c | d) * 0x9e37u + (a & e);
    d ^= (__u32)b + 0x7ed55d16u;
    e = (e >> 3) - (d << 2);
    a ^= (__u64)((long long)b >> 11);
  }
  return (__u32)(a ^ b ^ c) + d + e;
}
