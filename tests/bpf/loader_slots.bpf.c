// Maps with static initialisers: programs in a prog_array, maps in an array of maps and in a hash of maps.
#include <linux/bpf.h>

#include <bpf/bpf_helpers.h>

struct inner_map {
  __uint(type, BPF_MAP_TYPE_ARRAY);
  __uint(max_entries, 1);
  __type(key, int);
  __type(value, int);
} inner_a SEC(".maps"), inner_b SEC(".maps");

struct {
  __uint(type, BPF_MAP_TYPE_ARRAY_OF_MAPS);
  __uint(max_entries, 3);
  __type(key, int);
  __array(values, struct inner_map);
} outer SEC(".maps") = {.values = {(void*)&inner_a, 0, (void*)&inner_b}};

struct {
  __uint(type, BPF_MAP_TYPE_HASH_OF_MAPS);
  __uint(max_entries, 4);
  __type(key, int);
  __array(
      values, struct {
        __uint(type, BPF_MAP_TYPE_HASH);
        __uint(max_entries, 16);
        __type(key, __u64);
        __type(value, __u8);
      });
} by_name SEC(".maps");

int tail_one(struct xdp_md* ctx);
int tail_two(struct xdp_md* ctx);

struct {
  __uint(type, BPF_MAP_TYPE_PROG_ARRAY);
  __uint(max_entries, 4);
  __uint(key_size, 4);
  __array(values, int(struct xdp_md*));
} jumps SEC(".maps") = {.values = {[1] = tail_one, [3] = tail_two}};

SEC("xdp")
int tail_one(struct xdp_md* ctx) { return XDP_TX; }

SEC("xdp")
int tail_two(struct xdp_md* ctx) { return XDP_PASS; }

SEC("xdp")
int enter(struct xdp_md* ctx) {
  int key = 2;
  void* inner = bpf_map_lookup_elem(&outer, &key);
  void* other = bpf_map_lookup_elem(&by_name, &key);
  int* value = inner ? bpf_map_lookup_elem(inner, &(int){0}) : 0;
  bpf_tail_call(ctx, &jumps, value ? *value : other ? 1 : 3);
  return XDP_DROP;
}

char _license[] SEC("license") = "Dual MIT/GPL";
