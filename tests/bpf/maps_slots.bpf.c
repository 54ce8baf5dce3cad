// Maps of maps and a program array that the file fills: look-ups in what look-ups gave, and a circle of tail calls.
#include <linux/bpf.h>

#include <bpf/bpf_helpers.h>

struct counts {
  __uint(type, BPF_MAP_TYPE_ARRAY);
  __uint(max_entries, 4);
  __type(key, __u32);
  __type(value, __u64);
} counts_a SEC(".maps"), counts_b SEC(".maps");

struct seen {
  __uint(type, BPF_MAP_TYPE_HASH);
  __uint(max_entries, 8);
  __type(key, __u32);
  __type(value, __u64);
} seen_a SEC(".maps"), seen_b SEC(".maps");

struct {
  __uint(type, BPF_MAP_TYPE_ARRAY_OF_MAPS);
  __uint(max_entries, 4);
  __type(key, __u32);
  __array(values, struct counts);
} by_index SEC(".maps") = {.values = {[0] = (void*)&counts_a, [2] = (void*)&counts_b}};

struct {
  __uint(type, BPF_MAP_TYPE_HASH_OF_MAPS);
  __uint(max_entries, 4);
  __type(key, __u32);
  __array(values, struct seen);
} by_key SEC(".maps") = {.values = {[1] = (void*)&seen_a, [3] = (void*)&seen_b}};

int count(struct xdp_md* ctx);
int note(struct xdp_md* ctx);

struct {
  __uint(type, BPF_MAP_TYPE_PROG_ARRAY);
  __uint(max_entries, 4);
  __uint(key_size, 4);
  __array(values, int(struct xdp_md*));
} next SEC(".maps") = {.values = {[1] = (void*)&count, [2] = (void*)&note}};

static int first_bytes(struct xdp_md* ctx, __u8 bytes[4]) {
  __u8* data = (__u8*)(long)ctx->data;
  if (data + 4 > (__u8*)(long)ctx->data_end) return -1;
  __builtin_memcpy(bytes, data, 4);
  return 0;
}

// Byte 0 says how to go on, bytes 1 and 2 are keys of the outer and of the inner map.
SEC("xdp")
int enter(struct xdp_md* ctx) {
  __u8 bytes[4];
  if (first_bytes(ctx, bytes)) return 90;
  bpf_tail_call(ctx, &next, bytes[0]);
  return 91;
}

SEC("xdp")
int count(struct xdp_md* ctx) {
  __u8 bytes[4];
  if (first_bytes(ctx, bytes)) return 80;
  __u32 outer = bytes[1], inner = bytes[2];
  void* map = bpf_map_lookup_elem(&by_index, &outer);
  if (!map) return 81;
  __u64* value = bpf_map_lookup_elem(map, &inner);
  if (!value) return 82;
  __sync_fetch_and_add(value, 1 + bytes[3]);
  bpf_tail_call(ctx, &next, 2);
  return 83;
}

SEC("xdp")
int note(struct xdp_md* ctx) {
  __u8 bytes[4];
  if (first_bytes(ctx, bytes)) return 70;
  __u32 outer = bytes[1], inner = bytes[2];
  void* map = bpf_map_lookup_elem(&by_key, &outer);
  if (!map) return 71;
  __u64 one = 1, *value = bpf_map_lookup_elem(map, &inner);
  if (bytes[3] & 1) {
    bpf_tail_call(ctx, &next, 1);  // back, until there were 33
    return 72;
  }
  if (bytes[3] == 4) return 73 - bpf_map_delete_elem(map, &inner);
  if (value) {
    *value += 1;
    return 74 + *value;
  }
  return bpf_map_update_elem(map, &inner, &one, BPF_NOEXIST) ? 75 : 76;
}

char LICENSE[] SEC("license") = "GPL";
