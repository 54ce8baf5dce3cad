// A program for any target that has a struct counter, wherever its member `bytes` lies; verdicts.bpf.c has one.
#include <linux/bpf.h>

#include <bpf/bpf_helpers.h>

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)
struct counter___any {
  __u64 bytes;
};
struct gone {
  __u64 lost;
};
#pragma clang attribute pop

SEC("socket")
long offset(void* ctx) {
  struct gone* gone = ctx;
  if (__builtin_preserve_field_info(gone->lost, 2)) return gone->lost;
  return __builtin_preserve_field_info(((struct counter___any*)ctx)->bytes, 0);
}

char _license[] SEC("license") = "GPL";
