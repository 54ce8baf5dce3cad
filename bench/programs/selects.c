// Least, greatest, distance and clamp of a row of numbers, each a choice between two values: what processors do without
// a branch. The bounds move with what was seen.
#include "program.h"

static inline __s32 least(__s32 a, __s32 b) { return a < b ? a : b; }
static inline __s32 greatest(__s32 a, __s32 b) { return a > b ? a : b; }

PROGRAM(selects) {
  REQUIRE_INPUT();
  __s32 low = 0x7fffffff, high = -0x7fffffff, average = 0;
  __u32 moved = 0;
#pragma unroll 1
  for (int i = 0; i < INPUT_BYTES / 4; ++i) {
    const __s32 x = (__s32)INPUT_32(i) >> 8;
    low = least(low, x);
    high = greatest(high, x);
    const __s32 apart = x - average;
    const __s32 distance = apart < 0 ? -apart : apart;
    const __s32 step = greatest(-0x40000, least(apart >> 3, 0x40000));
    average += step;
    moved += distance > 0x400000 ? (__u32)distance >> 4 : (__u32)distance;
  }
  return (__u32)low ^ (__u32)high << 1 ^ (__u32)average << 2 ^ moved;
}
