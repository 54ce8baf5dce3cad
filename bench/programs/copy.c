// Copies: the packet into memory of the program in words of 8 bytes, 64 bytes of it over the stack, and bytes back to
// front.
#include "program.h"

static __u64 words[INPUT_BYTES / 8];
static __u8 bytes[64];

PROGRAM(copy) {
  REQUIRE_INPUT();
#pragma unroll 1
  for (int i = 0; i < INPUT_BYTES / 8; ++i) words[i] = INPUT_64(i);
  struct header {
    __u64 part[8];
  } header = *(const struct header*)data;
  header.part[data[3] & 7] ^= data[4];
#pragma unroll 1
  for (int i = 0; i < 64; ++i) bytes[63 - i] = data[i];
  return (__u32)words[data[0] & 63] ^ (__u32)header.part[data[1] & 7] ^ bytes[data[2] & 63];
}
