// Programs that are proven, and run longer than anybody waits: their functions are verified by themselves, each of them
// short.
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

char _license[] SEC("license") = "GPL";
