// Sixteen look-ups with 8-byte keys; the first run fills the map.
#include "program.h"

HASH_MAP(flows, __u64, 1024);

PROGRAM(hash_lookup) {
  REQUIRE_INPUT();
  __u64 sum = 0;
#pragma unroll 1
  for (int i = 0; i < 16; ++i) {
    const __u64 key = INPUT_64(i);
    const __u64* value = LOOKUP(flows, &key);
    if (value) {
      sum += *value;
    } else {
      const __u64 fresh = key >> 7;
      UPDATE(flows, &key, &fresh);
    }
  }
  return (__u32)sum;
}
