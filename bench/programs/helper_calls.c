// The time twice, and eight times a random number and the CPU: what a sampling tracer asks for. No answer shows in the
// result.
#include "program.h"

PROGRAM(helper_calls) {
  REQUIRE_INPUT();
  const __u64 start = NOW();
  __u64 random = 0;
  __u32 cpus = 0;
#pragma unroll 1
  for (int i = 0; i < 8; ++i) {
    random += RANDOM();
    cpus += CPU() < 65536;
  }
  const __u64 passed = NOW() - start;
  return (__u32)(random >> 40) + cpus + ((long long)passed >= 0);
}
