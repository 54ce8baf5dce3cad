// Division and remainder by numbers from the input, 32 and 64 bits wide.
#include "program.h"

PROGRAM(divide_variable) {
  REQUIRE_INPUT();
  const __u32 small = INPUT_32(9) | 1;
  const __u64 large = (INPUT_64(10) >> 20) | 1;
  __u64 sum = INPUT_64(3);
#pragma unroll 1
  for (int i = 0; i < 64; ++i) {
    const __u32 x = (__u32)sum + i;
    sum += x / small + x % small + sum / large + sum % large;
  }
  return (__u32)sum;
}
