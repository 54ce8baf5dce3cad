// Several programs in one object: a dispatcher that calls one of two others through a program array, of which one slot
// is filled by the object itself, and a socket filter that gives back the first word of its context.
#include <linux/bpf.h>

#include <bpf/bpf_helpers.h>

int by_object(struct xdp_md* ctx);

struct {
  __uint(type, BPF_MAP_TYPE_PROG_ARRAY);
  __uint(max_entries, 4);
  __uint(key_size, 4);
  __array(values, int(struct xdp_md*));
} jumps SEC(".maps") = {.values = {[1] = &by_object}};

SEC("xdp")
int by_object(struct xdp_md* ctx) { return XDP_TX; }

SEC("xdp")
int by_user(struct xdp_md* ctx) { return XDP_DROP; }

SEC("xdp")
int dispatch(struct xdp_md* ctx) {
  __u8* data = (void*)(long)ctx->data;
  if (data + 1 > (__u8*)(long)ctx->data_end) return XDP_ABORTED;
  bpf_tail_call(ctx, &jumps, data[0]);
  return XDP_PASS;
}

SEC("socket")
int first_word(const int* ctx) { return ctx[0]; }

SEC("socket")
int forbidden(void* ctx) { return bpf_redirect_map(&jumps, 0, 0) + bpf_xdp_adjust_head(ctx, 4); }

char LICENSE[] SEC("license") = "GPL";
