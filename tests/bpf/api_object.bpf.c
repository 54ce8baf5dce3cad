// An object with a bit of everything that an application touches: maps, globals, tail calls, a map kind skep lacks.
#include <linux/bpf.h>

#include <bpf/bpf_helpers.h>

struct {
  __uint(type, BPF_MAP_TYPE_HASH);
  __uint(max_entries, 8);
  __type(key, __u32);
  __type(value, __u64);
} seen SEC(".maps");

struct {
  __uint(type, BPF_MAP_TYPE_PROG_ARRAY);
  __uint(max_entries, 2);
  __uint(key_size, 4);
  __uint(value_size, 4);
} jumps SEC(".maps");

struct {
  __uint(type, BPF_MAP_TYPE_STACK_TRACE);
  __uint(max_entries, 4);
  __uint(key_size, 4);
  __uint(value_size, 1016);
} stacks SEC(".maps");

const volatile int step = 3;
int total = 40;

SEC("xdp")
int count(struct xdp_md* ctx) {
  __u32 key = ctx->ingress_ifindex;
  __u64 one = 1, *value = bpf_map_lookup_elem(&seen, &key);
  if (value)
    *value += 1;
  else
    bpf_map_update_elem(&seen, &key, &one, BPF_ANY);
  total += step;
  return total;
}

SEC("xdp")
int first(struct xdp_md* ctx) {
  bpf_tail_call(ctx, &jumps, 0);
  return 100;
}

SEC("xdp")
int second(struct xdp_md* ctx) { return 200; }

SEC("xdp")
int endless(struct xdp_md* ctx) {
  total += 1;
  bpf_tail_call(ctx, &jumps, 1);
  return total;
}

SEC("socket")
int other_type(struct __sk_buff* skb) { return 7; }

SEC("xdp")
int wants_stacks(struct xdp_md* ctx) { return bpf_map_lookup_elem(&stacks, &total) != 0; }

SEC("xdp")
int faults(struct xdp_md* ctx) {
  __u8* data = (__u8*)(long)ctx->data;
  return data[4000];
}

char LICENSE[] SEC("license") = "GPL";
