// Sixteen elements of 16 bytes stored into an array map.
#include "program.h"

struct flow {
  __u64 packets;
  __u64 bytes;
};

ARRAY_MAP(flows, struct flow, 256);

PROGRAM(array_update) {
  REQUIRE_INPUT();
  __u32 failed = 0;
#pragma unroll 1
  for (int i = 0; i < 16; ++i) {
    const __u32 key = data[i];
    const struct flow flow = {i, INPUT_64(i + 8)};
    failed += UPDATE(flows, &key, &flow) != 0;
  }
  const __u32 last = data[15];
  const struct flow* flow = LOOKUP(flows, &last);
  return flow ? (__u32)(flow->packets + flow->bytes) ^ failed << 16 : 0;
}
