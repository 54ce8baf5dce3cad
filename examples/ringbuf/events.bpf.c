// Sends one record for every packet through a ring buffer.
#include <linux/bpf.h>

#include <bpf/bpf_helpers.h>

#include "event.h"

struct {
  __uint(type, BPF_MAP_TYPE_RINGBUF);
  __uint(max_entries, 4096);
} events SEC(".maps");

SEC("xdp")
int tell(struct xdp_md* ctx) {
  const void* data = (const void*)(long)ctx->data;
  const void* end = (const void*)(long)ctx->data_end;
  if (data + 4 > end) return XDP_DROP;

  struct event* event = bpf_ringbuf_reserve(&events, sizeof(*event), 0);
  if (!event) return XDP_ABORTED;
  event->time_ns = bpf_ktime_get_ns();
  event->bytes = end - data;
  event->first_word = *(const __u32*)data;
  bpf_ringbuf_submit(event, 0);
  return XDP_PASS;
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
