// Does what the first byte of a packet says: 0 to 4 are verdicts, 9 is none, 0xff breaks a rule. Leaves traces of each
// kind that `skep run` shows: a typed hash, an untyped array, a per-CPU array, globals, events, printk lines.
#include <linux/bpf.h>

#include <bpf/bpf_helpers.h>

enum mode { MODE_OFF, MODE_ON };

struct counter {
  __u64 packets;
  __u64 bytes;
};
struct event {
  __u32 number;
  __u8 first;
  char name[11];
};

struct {
  __uint(type, BPF_MAP_TYPE_HASH);
  __uint(max_entries, 16);
  __type(key, __u32);
  __type(value, struct counter);
} by_first SEC(".maps");

struct {
  __uint(type, BPF_MAP_TYPE_ARRAY);
  __uint(max_entries, 4);
  __uint(key_size, 4);
  __uint(value_size, 8);
} untyped SEC(".maps");

struct {
  __uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
  __uint(max_entries, 2);
  __type(key, __u32);
  __type(value, __u64);
} per_cpu SEC(".maps");

struct {
  __uint(type, BPF_MAP_TYPE_RINGBUF);
  __uint(max_entries, 4096);
} events SEC(".maps");

enum mode mode = MODE_ON;
const volatile __u32 answer = 42;
struct event last_event;
__u64 seen;
static volatile __u16 port_table[4] = {80, 443};

static __attribute__((noinline)) void count(__u32 first, __u64 bytes) {
  struct counter* found = bpf_map_lookup_elem(&by_first, &first);
  if (found) {
    found->packets++;
    found->bytes += bytes;
  } else {
    struct counter fresh = {1, bytes};
    bpf_map_update_elem(&by_first, &first, &fresh, BPF_ANY);
  }
}

static __always_inline void report(__u8 first) {
  struct event event = {.number = seen, .first = first, .name = "drop"};
  bpf_ringbuf_output(&events, &event, sizeof event, 0);
  last_event = event;
  bpf_printk("dropped packet %d of mode %d", seen, mode);
}

SEC("xdp")
int verdicts(struct xdp_md* ctx) {
  __u8* data = (void*)(long)ctx->data;
  __u8* end = (void*)(long)ctx->data_end;
  __u32 one = 1;
  if (data + 2 > end) return XDP_ABORTED;
  __u8 first = data[0];
  seen++;
  count(first, end - data);
  __u64* total = bpf_map_lookup_elem(&per_cpu, &one);
  if (total) *total += end - data + port_table[2];
  if (first == XDP_DROP) report(first);
  if (first == XDP_TX) data[1] = 0xee;
  if (first == XDP_REDIRECT) return bpf_redirect(7, 0);
  if (first == 0xff) return data[100000] + answer;
  if (first == 0xfe) {
    __u64* slot = bpf_map_lookup_elem(&untyped, &one);
    if (slot) *slot = 0x0123456789abcdef;
    return bpf_xdp_adjust_head(ctx, -4) == 0 ? XDP_PASS : XDP_ABORTED;
  }
  return first;
}

char LICENSE[] SEC("license") = "Dual MIT/GPL";
