// Division and remainder by constants, 32 and 64 bits wide.
#include "program.h"

PROGRAM(divide_constant) {
  REQUIRE_INPUT();
  __u64 sum = 0;
#pragma unroll 1
  for (int i = 0; i < 64; ++i) {
    const __u32 x = (__u32)sum + INPUT_32(5) + i;
    const __u64 y = sum + INPUT_64(7);
    sum += x / 10 + x % 7 + y / 1000 + y % 86400;
  }
  return (__u32)sum;
}
