// One record of 64 bytes into a ring buffer; used by the map benchmarks, which consume it.
#include <linux/bpf.h>

#include <bpf/bpf_helpers.h>

char LICENSE[] SEC("license") = "GPL";

struct {
  __uint(type, BPF_MAP_TYPE_RINGBUF);
  __uint(max_entries, 1 << 16);
} events SEC(".maps");

SEC("xdp") int ring(struct xdp_md* ctx) {
  const __u64 record[8] = {ctx->data_end - ctx->data};
  return bpf_ringbuf_output(&events, (void*)record, sizeof(record), 0) == 0;
}
