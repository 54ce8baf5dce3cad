// Kernel functions and symbols that only an application can give.
#include <linux/bpf.h>

#include <bpf/bpf_helpers.h>

extern int skep_add(int a, int b) __ksym;
extern int skep_sum(const void* bytes, unsigned long size) __ksym __weak;
extern const void skep_symbol __ksym;
extern const int skep_typed __ksym;
extern const void skep_weak __ksym __weak;

static __attribute__((noinline)) int twice(int a) { return skep_add(a, a); }

SEC("socket")
int calls(void* ctx) { return twice(20) + skep_add(1, 1); }

SEC("socket")
int maybe(void* ctx) {
  unsigned char bytes[4] = {1, 2, 3, 4};
  if (!skep_sum) return 77;
  return skep_sum(bytes, sizeof bytes);
}

SEC("socket")
int careless(void* ctx) {
  unsigned char bytes[4] = {1, 2, 3, 4};
  return skep_sum(bytes, sizeof bytes);
}

SEC("socket")
int wild(void* ctx) { return skep_sum ? skep_sum((void*)8, 100) : 0; }

SEC("socket")
unsigned long symbols(void* ctx) { return (unsigned long)&skep_symbol + (unsigned long)&skep_typed; }

SEC("socket")
unsigned long weak_symbol(void* ctx) { return (unsigned long)&skep_weak; }

char _license[] SEC("license") = "GPL";
