// Maps of two objects, one half: declared here and defined there, by the same fields in another order.
#include <linux/bpf.h>

#include <bpf/bpf_helpers.h>

struct key {
  long x;
};
struct value {
  long x;
};

struct {
  __uint(type, BPF_MAP_TYPE_HASH);
  __type(key, struct key);
  __type(value, struct value);
  __uint(max_entries, 16);
} defined_in_one SEC(".maps");

typedef struct {
  __uint(max_entries, 8);
  __type(key, int);
  __type(value, int);
  __uint(type, BPF_MAP_TYPE_ARRAY);
} array_t;
extern array_t defined_in_two SEC(".maps");

struct {
  __uint(type, BPF_MAP_TYPE_ARRAY);
  __type(key, int);
  __type(value, int);
  __uint(max_entries, 16);
} weak_map __weak SEC(".maps");

SEC("xdp")
int fill(struct xdp_md* ctx) {
  struct key hash_key = {.x = 1};
  struct value hash_value = {.x = 1000};
  int key = 1, value = 20;
  bpf_map_update_elem(&defined_in_one, &hash_key, &hash_value, 0);
  bpf_map_update_elem(&defined_in_two, &key, &value, 0);
  value = 3;
  bpf_map_update_elem(&weak_map, &key, &value, 0);
  return 0;
}

char _license[] SEC("license") = "GPL";
