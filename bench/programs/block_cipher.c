// XTEA, 32 cycles a block, over 8 blocks chained as in CBC; key and text are the packet's.
#include "program.h"

#define KEY(at) INPUT_32(120 + ((at)&3))

PROGRAM(block_cipher) {
  REQUIRE_INPUT();
  __u32 left = INPUT_32(124), right = INPUT_32(125);
#pragma unroll 1
  for (int block = 0; block < 8; ++block) {
    left ^= INPUT_32(2 * block);
    right ^= INPUT_32(2 * block + 1);
    __u32 sum = 0;
#pragma unroll 1
    for (int cycle = 0; cycle < 32; ++cycle) {
      left += ((right << 4 ^ right >> 5) + right) ^ (sum + KEY(sum));
      sum += 0x9e3779b9u;
      right += ((left << 4 ^ left >> 5) + left) ^ (sum + KEY(sum >> 11));
    }
  }
  return left ^ right;
}
