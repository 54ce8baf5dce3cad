// Packets and bytes counted by kind, in a per-CPU array: 16 times.
#include "program.h"

struct counter {
  __u64 packets;
  __u64 bytes;
};

PERCPU_ARRAY_MAP(counters, struct counter, 16);

PROGRAM(percpu_counters) {
  REQUIRE_INPUT();
  __u32 counted = 0;
#pragma unroll 1
  for (int i = 0; i < 16; ++i) {
    const __u32 kind = data[i] & 15;
    struct counter* counter = LOOKUP(counters, &kind);
    if (!counter) continue;
    counter->packets += 1;
    counter->bytes += INPUT_16(32 + i);
    ++counted;
  }
  return counted;  // what the counters say depends on which CPU this is
}
