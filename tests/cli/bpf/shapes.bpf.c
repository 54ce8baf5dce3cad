// Maps that are more than a key and a value: of maps, of programs, of functions for a kernel, an arena, pinned ones.
#include <linux/bpf.h>

#include <bpf/bpf_helpers.h>

#define __arena __attribute__((address_space(1)))

struct inner {
  __uint(type, BPF_MAP_TYPE_HASH);
  __uint(max_entries, 16);
  __type(key, __u64);
  __type(value, __u8);
} inside SEC(".maps");

struct {
  __uint(type, BPF_MAP_TYPE_ARRAY_OF_MAPS);
  __uint(max_entries, 3);
  __type(key, int);
  __array(values, struct inner);
} outer SEC(".maps") = {.values = {[2] = &inside}};

struct {
  __uint(type, BPF_MAP_TYPE_HASH);
  __uint(map_flags, BPF_F_NUMA_NODE);
  __uint(numa_node, 1);
  __uint(max_entries, 8);
  __type(key, int);
  __type(value, int);
  __uint(pinning, LIBBPF_PIN_BY_NAME);
} kept SEC(".maps");

struct {
  __uint(type, 33);
  __uint(map_flags, BPF_F_MMAPABLE);
  __uint(max_entries, 10);
  enum { heap_extra = 0x100000000000 } map_extra;
} heap SEC(".maps");

int __arena shared = 12;

struct engine_ops {
  int (*start)(int);
  int speed;
  void (*stop)(void);
};

SEC("struct_ops")
int on_start(void* ctx) { return shared; }

SEC(".struct_ops.link")
struct engine_ops engine = {.start = (void*)on_start, .speed = 7};

char _license[] SEC("license") = "GPL";
