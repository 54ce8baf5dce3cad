// Eight records of 64 bytes reserved in a ring buffer, filled and submitted.
#include "program.h"

struct record {
  __u64 words[8];
};

RING(records, 1 << 20);

PROGRAM(ring_buffer) {
  REQUIRE_INPUT();
  __u32 sent = 0;
#pragma unroll 1
  for (int i = 0; i < 8; ++i) {
    struct record* record = RESERVE(records, sizeof(struct record));
    if (!record) continue;
    *record = ((const struct record*)data)[i];
    SUBMIT(records, record);
    ++sent;
  }
  return sent;
}
