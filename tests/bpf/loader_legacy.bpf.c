// Maps defined the old way. EXTRA is the number of 32-bit fields past map_flags, FILL what is in them.
#include <linux/bpf.h>

#include <bpf/bpf_helpers.h>

#ifndef FILL
#define FILL 0
#endif

struct old_map {
  unsigned type, key_size, value_size, max_entries, map_flags;
#if EXTRA > 0
  unsigned extra[EXTRA];
#endif
};

struct old_map first SEC("maps") = {.type = BPF_MAP_TYPE_HASH, .key_size = 4, .value_size = 8, .max_entries = 32};
struct old_map second SEC("maps") = {
    .type = BPF_MAP_TYPE_ARRAY, .key_size = 4, .value_size = 2, .max_entries = 3, .map_flags = BPF_F_MMAPABLE,
#if EXTRA > 0
    .extra = {FILL},
#endif
};

SEC("xdp/legacy")
int look(struct xdp_md *ctx) {
  int key = 1;
  return bpf_map_lookup_elem(&first, &key) || bpf_map_lookup_elem(&second, &key) ? XDP_DROP : XDP_PASS;
}
