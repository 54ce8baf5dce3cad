// Programs with one common mistake each, and the same without it.
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

struct {
  __uint(type, BPF_MAP_TYPE_HASH);
  __uint(max_entries, 8);
  __type(key, __u32);
  __type(value, __u64);
} counts SEC(".maps");

struct {
  __uint(type, BPF_MAP_TYPE_RINGBUF);
  __uint(max_entries, 4096);
} events SEC(".maps");

const volatile int debug = 0;

SEC("xdp")
int unchecked_packet(struct xdp_md* ctx) {
  const unsigned char* data = (void*)(long)ctx->data;
  return data[12] == 8 ? XDP_PASS : XDP_DROP;
}

SEC("xdp")
int checked_packet(struct xdp_md* ctx) {
  const unsigned char* data = (void*)(long)ctx->data;
  if (data + 13 > (unsigned char*)(long)ctx->data_end) return XDP_DROP;
  return data[12] == 8 ? XDP_PASS : XDP_DROP;
}

SEC("xdp")
int unchecked_lookup(struct xdp_md* ctx) {
  __u32 key = 1;
  __u64* value = bpf_map_lookup_elem(&counts, &key);
  *value += 1;
  return XDP_PASS;
}

SEC("xdp")
int checked_lookup(struct xdp_md* ctx) {
  __u32 key = 1;
  __u64* value = bpf_map_lookup_elem(&counts, &key);
  if (value) *value += 1;
  return XDP_PASS;
}

SEC("xdp")
int leaked_record(struct xdp_md* ctx) {
  __u64* record = bpf_ringbuf_reserve(&events, 8, 0);
  if (!record) return XDP_PASS;
  *record = 1;
  return XDP_PASS;
}

SEC("xdp")
int submitted_record(struct xdp_md* ctx) {
  __u64* record = bpf_ringbuf_reserve(&events, 8, 0);
  if (!record) return XDP_PASS;
  *record = 1;
  bpf_ringbuf_submit(record, 0);
  return XDP_PASS;
}

// A mistake on each of three ways; none follows from another.
SEC("xdp")
int several_mistakes(struct xdp_md* ctx) {
  __u32 key = 1;
  if (ctx->ingress_ifindex == 1) {
    const unsigned char* data = (void*)(long)ctx->data;
    return data[12];
  }
  if (ctx->ingress_ifindex == 2) {
    __u64* value = bpf_map_lookup_elem(&counts, &key);
    return *value;
  }
  __u64* record = bpf_ringbuf_reserve(&events, 8, 0);
  if (!record) return XDP_PASS;
  *record = 1;
  return XDP_PASS;
}

// No mistake, but a loop that is walked round by round.
SEC("xdp")
int counted_loop(struct xdp_md* ctx) {
  __u32 sum = 0;
  for (__u32 i = 0; i < 100; ++i) {
    sum += i;
    __asm__ volatile("" : "+r"(sum));
  }
  return sum != 0 ? XDP_PASS : XDP_DROP;
}

// The branch is dead as long as nobody sets `debug` before the object is loaded.
SEC("xdp")
int mistake_behind_constant(struct xdp_md* ctx) {
  const unsigned char* data = (void*)(long)ctx->data;
  if (debug) return data[12];
  return XDP_PASS;
}

char LICENSE[] SEC("license") = "GPL";
