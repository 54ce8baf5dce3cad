// Global variables of every kind, and maps declared in every way that .maps knows without static initialisers.
#include <linux/bpf.h>

#include <bpf/bpf_helpers.h>

struct counter {
  __u64 packets;
  __u64 bytes;
};

struct {
  __uint(type, BPF_MAP_TYPE_HASH);
  __uint(max_entries, 128);
  __type(key, __u32);
  __type(value, struct counter);
  __uint(map_flags, BPF_F_NO_PREALLOC);
} by_protocol SEC(".maps");

struct {
  __uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
  __uint(max_entries, 4);
  __uint(key_size, 4);
  __uint(value_size, 24);
} per_cpu SEC(".maps");

struct {
  __uint(type, BPF_MAP_TYPE_RINGBUF);
  __uint(max_entries, 5000);
} events SEC(".maps");

const volatile __u32 limit = 1500;
const volatile __u16 port_table[4] = {80, 443, 53, 0};
static __u64 hidden_total;
__u64 seen;
__u32 level = 3;
static volatile __u32 threshold = 64;
int own_section SEC(".data.tuning") = 7;
const char greeting[] SEC(".rodata.texts") = "hello";

SEC("xdp")
int count(struct xdp_md* ctx) {
  __u32 key = 6, zero = 0;
  struct counter* found = bpf_map_lookup_elem(&by_protocol, &key);
  char* slot = bpf_map_lookup_elem(&per_cpu, &zero);
  __u32 length = ctx->data_end - ctx->data;

  seen++;
  hidden_total += length;
  if (length > limit || length < threshold || port_table[ctx->rx_queue_index & 3] == 53) return XDP_DROP;
  if (found) found->packets += level + own_section;
  if (slot) slot[8] = greeting[length & 3];
  bpf_ringbuf_output(&events, &length, sizeof length, 0);
  return hidden_total > 1000000 ? XDP_ABORTED : XDP_PASS;
}

char _license[] SEC("license") = "GPL";
