// Functions of two objects, the other half.
#include <linux/bpf.h>

#include <bpf/bpf_helpers.h>

static __attribute__((noinline)) int scale(int x) {
  static volatile int calls;
  return x * 3 + 10 * ++calls;
}

int second(int x) { return scale(x) + 1000; }
__weak int first_weak_wins(int x) { return x + 200; }
int strong_wins(int x) { return x + 10000; }
int kept_hidden(int x) { return x + 7; }

extern int first(int x);

SEC("xdp")
int from_two(struct xdp_md* ctx) { return first(4) + scale(4) + first_weak_wins(0) + strong_wins(0); }

char _license[] SEC("license") = "GPL";
