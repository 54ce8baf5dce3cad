// Records in network byte order, 16 bytes each: kind, length, id, time.
#include "program.h"

struct record {
  __be16 kind;
  __be16 length;
  __be32 id;
  __be64 time;
};

PROGRAM(byte_order) {
  REQUIRE_INPUT();
  const struct record* records = (const void*)data;
  __u64 latest = 0;
  __u32 bytes = 0, ids = 0;
#pragma unroll 1
  for (int i = 0; i < INPUT_BYTES / 16; ++i) {
    const struct record* record = &records[i];
    const __u64 time = bpf_be64_to_cpu(record->time);
    if (bpf_ntohs(record->kind) & 1) bytes += bpf_ntohs(record->length);
    if (time > latest) latest = time;
    ids ^= bpf_ntohl(record->id);
  }
  return (__u32)(latest >> 32) ^ (__u32)latest ^ bytes ^ ids;
}
