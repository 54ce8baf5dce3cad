// Global variables of every sort that an application reads and writes by name, and maps it changes before they are made.
#include <linux/bpf.h>

#include <bpf/bpf_helpers.h>

typedef _Bool bool;
enum mode { mode_off, mode_on = 7 };
struct limits {
  __u32 low;
  __u64 high;
};

const volatile int debug = 3;
const volatile bool loud;
int counter = 40;
unsigned int hits;
__u64 wide = 0x1122334455667788;
enum mode mode = mode_on;
char name[16] = "eth0";
struct limits limits = {1, 2};
__u32 custom SEC(".data.custom") = 5;
static volatile int hidden = 11;
int table[4] SEC(".data.table");

// Two variables of one name, each static in its function.
static int twice_a(void) {
  static volatile int same = 1;
  return same++;
}
static volatile __u8 plain SEC(".data.plain");

extern const int CONFIG_NUMBER __kconfig __weak;

struct {
  __uint(type, BPF_MAP_TYPE_ARRAY);
  __uint(max_entries, 4);
  __type(key, __u32);
  __type(value, __u64);
} sized SEC(".maps");

struct {
  __uint(type, BPF_MAP_TYPE_RINGBUF);
  __uint(max_entries, 4096);
} events SEC(".maps");

SEC("xdp")
int sum(struct xdp_md* ctx) {
  hits++;
  if (loud) counter++;
  return counter + debug + hidden + custom + mode + limits.low + twice_a() + plain;
}

SEC("xdp")
int index_table(struct xdp_md* ctx) {
  __u32 at = ctx->rx_queue_index;
  if (at < 1000000) return table[at];
  return -1;
}

SEC("xdp")
int use_sized(struct xdp_md* ctx) {
  __u32 key = 2;
  if (debug == 3) return 1;
  __u64* value = bpf_map_lookup_elem(&sized, &key);
  return value ? 2 : 3;
}

SEC("xdp")
int number(struct xdp_md* ctx) { return CONFIG_NUMBER; }

SEC("?xdp")
int optional(struct xdp_md* ctx) { return 9; }

char _license[] SEC("license") = "GPL";
