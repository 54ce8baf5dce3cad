// Subprograms in every way clang lays them out: static and global, shared by two programs, calling on, and as
// callbacks.
#include <linux/bpf.h>

#include <bpf/bpf_helpers.h>

struct {
  __uint(type, BPF_MAP_TYPE_ARRAY);
  __uint(max_entries, 8);
  __type(key, __u32);
  __type(value, __u64);
} sums SEC(".maps");

int calls;

static __attribute__((noinline)) __u64 leaf(__u64 x) { return x * 7 + calls; }

__attribute__((noinline)) int shared(__u32 x) {
  calls++;
  return leaf(x) + leaf(x + 1);
}

static __attribute__((noinline)) __u64 unused_by_second(__u64 x) { return leaf(x) ^ (__u32)shared(x); }

static long each_step(__u32 index, void* arg) {
  __u64* sum = arg;
  *sum += leaf(index);
  return 0;
}

static long each_entry(void* map, __u32* key, __u64* value, void* arg) {
  *(__u64*)arg += *value + shared(*key);
  return 0;
}

SEC("xdp")
int first(struct xdp_md* ctx) {
  __u64 sum = unused_by_second(ctx->data_end - ctx->data);
  bpf_loop(10, each_step, &sum, 0);
  bpf_for_each_map_elem(&sums, each_entry, &sum, 0);
  return sum & 1 ? XDP_PASS : XDP_DROP;
}

SEC("socket")
int second(struct __sk_buff* skb) {
  __u64 sum = shared(skb->len);
  bpf_loop(3, each_step, &sum, 0);
  return sum;
}

SEC("?xdp")
int third(struct xdp_md* ctx) { return leaf(ctx->ingress_ifindex) & 3; }

char _license[] SEC("license") = "GPL";
