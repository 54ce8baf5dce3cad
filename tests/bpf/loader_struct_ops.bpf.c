// struct_ops maps of three sections; loader_struct_ops_target.bpf.c has the structs as a kernel would.
#include <linux/bpf.h>

#include <bpf/bpf_helpers.h>

struct engine_ops {
  int (*start)(int);
  int speed;
  void (*stop)(void);
  char name[8];
};

struct engine_ops___late {
  int (*start)(int);
  int (*boost)(void);
  int missing;
};

SEC("struct_ops/start")
int on_start(void* ctx) { return 1; }

SEC("struct_ops.s")
int on_stop(void* ctx) { return 2; }

SEC("struct_ops")
int on_boost(void* ctx) { return 3; }

SEC("?struct_ops")
int unused(void* ctx) { return 4; }

SEC(".struct_ops")
struct engine_ops first = {
    .start = (void*)on_start, .speed = 0x01020304, .stop = (void*)on_stop, .name = "first"};

SEC(".struct_ops.link")
struct engine_ops linked = {.start = (void*)on_start, .name = "linked"};

SEC("?.struct_ops")
struct engine_ops___late on_demand = {.boost = (void*)on_boost};

#ifdef WRONG
SEC(".struct_ops")
struct engine_ops___late wrong = {.boost = (void*)on_boost, .missing = WRONG};
#endif

#ifdef REUSE
SEC(".struct_ops.link")
struct engine_ops reused = {.stop = (void*)on_start};
#endif

char _license[] SEC("license") = "GPL";
