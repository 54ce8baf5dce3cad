// Maps of two objects, the other half, with an array of maps and a program array that have initial contents.
#include <linux/bpf.h>

#include <bpf/bpf_helpers.h>

typedef struct key {
  long x;
} key_type;
typedef struct value {
  long x;
} value_type;

extern struct {
  __uint(max_entries, 16);
  __type(key, key_type);
  __type(value, value_type);
  __uint(type, BPF_MAP_TYPE_HASH);
} defined_in_one SEC(".maps");

struct {
  __uint(type, BPF_MAP_TYPE_ARRAY);
  __type(key, int);
  __type(value, int);
  __uint(max_entries, 8);
} defined_in_two SEC(".maps");

struct {
  __uint(type, BPF_MAP_TYPE_ARRAY);
  __type(key, int);
  __type(value, int);
  __uint(max_entries, 16);
} weak_map __weak SEC(".maps");

SEC("xdp")
int tail(struct xdp_md* ctx) { return 7; }

struct {
  __uint(type, BPF_MAP_TYPE_PROG_ARRAY);
  __uint(max_entries, 2);
  __uint(key_size, sizeof(int));
  __array(values, int(struct xdp_md*));
} calls SEC(".maps") = {.values = {[1] = (void*)&tail}};

SEC("xdp")
int add_up(struct xdp_md* ctx) {
  key_type hash_key = {.x = 1};
  int key = 1, sum = 0, *number;
  value_type* value = bpf_map_lookup_elem(&defined_in_one, &hash_key);
  if (value) sum += value->x;
  if ((number = bpf_map_lookup_elem(&defined_in_two, &key))) sum += *number;
  if ((number = bpf_map_lookup_elem(&weak_map, &key))) sum += *number;
  if (sum == 0) bpf_tail_call(ctx, &calls, 1);
  return sum;
}

char _license[] SEC("license") = "GPL";
