// Programs that are proven, and run longer than anybody waits: their functions are verified by themselves, each of them
// short, or what they call takes its time.
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

volatile __u64 rounds;

// Loops in loops.
__attribute__((noinline)) int inner(__u32 a) {
  for (int i = 0; i < 300; ++i) rounds += a;
  return 0;
}
__attribute__((noinline)) int middle(__u32 a) {
  int sum = 0;
  for (int i = 0; i < 300; ++i) sum += inner(a + i);
  return sum;
}
SEC("xdp") int loops(struct xdp_md* ctx) {
  int sum = 0;
  for (int i = 0; i < 300; ++i) sum += middle(i);
  return sum;
}

// No loop anywhere.
#define FOUR(call) (call) + (call) + (call) + (call)
#define CALLS(call) FOUR(FOUR(FOUR(call)))
__attribute__((noinline)) int once(__u32 a) {
  rounds += a;
  return 0;
}
__attribute__((noinline)) int often(__u32 a) { return CALLS(once(a)); }
__attribute__((noinline)) int very_often(__u32 a) { return CALLS(often(a)); }
SEC("xdp") int calls(struct xdp_md* ctx) { return CALLS(very_often(ctx->rx_queue_index)); }

// 50 GiB.
struct long_value {
  char bytes[1 << 20];
};
struct {
  __uint(type, BPF_MAP_TYPE_ARRAY);
  __uint(max_entries, 1);
  __type(key, __u32);
  __type(value, struct long_value);
} from SEC(".maps");
struct {
  __uint(type, BPF_MAP_TYPE_HASH);
  __uint(max_entries, 1);
  __type(key, __u32);
  __type(value, struct long_value);
} to SEC(".maps");
SEC("xdp") int copies(struct xdp_md* ctx) {
  __u32 key = 0;
  struct long_value* value = bpf_map_lookup_elem(&from, &key);
  if (!value) return 0;
  for (int i = 0; i < 50000; ++i) bpf_map_update_elem(&to, &key, value, BPF_ANY);
  return 1;
}

char _license[] SEC("license") = "GPL";
