// Counters in an array map: 16 look-ups, each value changed in place, and every fourth stored by update.
#include "program.h"

ARRAY_MAP(counters, __u64, 64);

PROGRAM(array_map) {
  REQUIRE_INPUT();
  __u64 sum = 0;
#pragma unroll 1
  for (int i = 0; i < 16; ++i) {
    const __u32 key = data[i] & 63;
    __u64* value = LOOKUP(counters, &key);
    if (!value) return 0;
    *value += data[i + 16];
    sum += *value;
    if (i % 4 == 0) {
      const __u64 fresh = sum >> 1;
      UPDATE(counters, &key, &fresh);
    }
  }
  return (__u32)sum;
}
