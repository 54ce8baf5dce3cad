// Functions of two objects, one half: static ones share a name and differ, weak ones win or lose, externs are found.
#include <linux/bpf.h>

#include <bpf/bpf_helpers.h>

static __attribute__((noinline)) int scale(int x) {
  static volatile int calls;
  return x * 2 + ++calls;
}

int first(int x) { return scale(x); }
__weak int first_weak_wins(int x) { return x + 100; }
__weak int strong_wins(int x) { return x + 100000; }

extern int second(int x);
__hidden extern int kept_hidden(int x);
extern int maybe(int x) __weak;

SEC("xdp")
int from_one(struct xdp_md* ctx) {
  return second(5) + first_weak_wins(1) + strong_wins(1) + scale(3) + kept_hidden(0) + first(0);
}

char _license[] SEC("license") = "GPL";
