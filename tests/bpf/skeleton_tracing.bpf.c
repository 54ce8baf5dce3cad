// Programs whose context is plain memory, for skeletons.
#include <linux/bpf.h>

#include <bpf/bpf_helpers.h>

struct arguments {
  __u64 first, second;
};

__u64 seen;

SEC("raw_tp/add")
int add(struct arguments* ctx) {
  seen = ctx->first + ctx->second;
  return (int)seen;
}

SEC("syscall")
int replace(struct arguments* ctx) {
  ctx->first = ctx->second;
  return 0;
}

char _license[] SEC("license") = "GPL";
