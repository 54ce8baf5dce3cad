// Looks for a word in text, byte by byte.
#include "program.h"

static const char kWord[] = "abca";

PROGRAM(string_search) {
  REQUIRE_INPUT();
  __u32 found = 0;
#pragma unroll 1
  for (int i = 0; i < INPUT_BYTES - 4; ++i) {
    // Four letters out of "abcd".
    if ((data[i] & 3) + 'a' != kWord[0]) continue;
    if ((data[i + 1] & 3) + 'a' != kWord[1]) continue;
    if ((data[i + 2] & 3) + 'a' != kWord[2]) continue;
    if ((data[i + 3] & 3) + 'a' != kWord[3]) continue;
    found = found * 31 + i;
  }
  return found;
}
