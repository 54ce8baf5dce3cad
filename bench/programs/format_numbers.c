// Sixteen numbers written in decimal, right-aligned in columns of sixteen characters.
#include "program.h"

static char lines[16][16];

PROGRAM(format_numbers) {
  REQUIRE_INPUT();
#pragma unroll 1
  for (int i = 0; i < 16; ++i) {
    __u32 x = INPUT_32(i) >> (i & 15);
#pragma unroll 1
    for (int at = 15; at > 5; --at) {
      lines[i][at] = '0' + x % 10;
      x /= 10;
      if (x == 0) break;
    }
  }
  __u32 mixed = 0;
#pragma unroll 1
  for (int i = 0; i < 16; ++i) mixed = mixed * 31 + (__u32)lines[i][12] + ((__u32)lines[i][8] << 8);
  return mixed;
}
