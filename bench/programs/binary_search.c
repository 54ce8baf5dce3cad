// Sixteen searches in a table of 256 ascending numbers.
#include "program.h"

#define COUNT 256

static __u32 table[COUNT];
static __u32 ready;

PROGRAM(binary_search) {
  REQUIRE_INPUT();
  if (!ready) {
    __u32 number = 0;
#pragma unroll 1
    for (int i = 0; i < COUNT; ++i) {
      number += data[i] + 1;
      table[i] = number;
    }
    ready = 1;
  }
  __u32 places = 0;
#pragma unroll 1
  for (int key = 0; key < 16; ++key) {
    const __u32 wanted = INPUT_32(64 + key) & 0x7fff;
    __u32 at = 0;
#pragma unroll 1
    for (__u32 step = COUNT / 2; step != 0; step /= 2)
      if (table[(at + step) & (COUNT - 1)] <= wanted) at += step;
    places = places * 31 + at;
  }
  return places;
}
