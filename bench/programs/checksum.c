// The Internet checksum (RFC 1071) of 512 bytes.
#include "program.h"

PROGRAM(checksum) {
  REQUIRE_INPUT();
  __u32 sum = 0;
#pragma unroll 1
  for (int i = 0; i < INPUT_BYTES / 2; ++i) sum += INPUT_16(i);
  sum = (sum & 0xffff) + (sum >> 16);
  sum = (sum & 0xffff) + (sum >> 16);
  return ~sum & 0xffff;
}
