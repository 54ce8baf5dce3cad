// Exchange sort of 64 numbers in a global array. (Insertion sort is more than Linux' verifier follows.)
#include "program.h"

#define COUNT 64

static __u32 numbers[COUNT];

PROGRAM(sort) {
  REQUIRE_INPUT();
#pragma unroll 1
  for (int i = 0; i < COUNT; ++i) numbers[i] = INPUT_32(i);
#pragma unroll 1
  for (int last = COUNT - 1; last > 0; --last) {
#pragma unroll 1
    for (int i = 0; i < last; ++i) {
      const __u32 left = numbers[i], right = numbers[i + 1];
      if (left <= right) continue;
      numbers[i] = right;
      numbers[i + 1] = left;
    }
  }
  return numbers[0] ^ numbers[COUNT / 2] << 1 ^ numbers[COUNT - 1] << 2;
}
