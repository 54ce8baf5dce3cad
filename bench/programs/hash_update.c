// Eight updates of 8-byte keys.
#include "program.h"

HASH_MAP(flows, __u64, 1024);

PROGRAM(hash_update) {
  REQUIRE_INPUT();
  __u64 sum = 0;
#pragma unroll 1
  for (int i = 0; i < 8; ++i) {
    const __u64 key = INPUT_64(i);
    const __u64 value = key + i;
    sum += UPDATE(flows, &key, &value) == 0 ? value : 1;
  }
  return (__u32)sum;
}
