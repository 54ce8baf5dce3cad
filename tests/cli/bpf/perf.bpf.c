// Sends the first bytes of each packet through a perf event array.
#include <linux/bpf.h>

#include <bpf/bpf_helpers.h>

struct event {
  __u32 number;
  __u16 length;
  char tag[6];
};

struct {
  __uint(type, BPF_MAP_TYPE_PERF_EVENT_ARRAY);
  __type(key, __u32);
  __type(value, __u32);
} samples SEC(".maps");

struct event last;

SEC("xdp")
int sample(struct xdp_md* ctx) {
  last.number++;
  last.length = ctx->data_end - ctx->data;
  __builtin_memcpy(last.tag, "frame", 6);
  bpf_perf_event_output(ctx, &samples, BPF_F_CURRENT_CPU, &last, sizeof last);
  return XDP_PASS;
}

char _license[] SEC("license") = "GPL";
