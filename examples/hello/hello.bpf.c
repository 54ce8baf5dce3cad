// The classic: says hello for every packet, with a counter kept in a global variable, and lets the packet pass.
//
//   build/skep run build/examples/hello.bpf.o --repeat 3
#include <linux/bpf.h>

#include <bpf/bpf_helpers.h>

int counter = 0;

SEC("xdp")
int hello(struct xdp_md* ctx) {
  bpf_printk("Hello World %d", counter);
  counter++;
  return XDP_PASS;
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
