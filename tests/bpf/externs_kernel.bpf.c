// Symbols and functions that kernels with BTF have, and weak ones that none has.
#include <linux/bpf.h>

#include <bpf/bpf_helpers.h>

struct rq {
  int unused;
};

extern const struct rq runqueues __ksym;
extern const int bpf_prog_active __ksym;
extern const int cpu_number __ksym __weak;
extern const int no_such_variable __ksym __weak;
extern const void no_such_symbol __ksym __weak;
extern void bpf_rcu_read_lock(void) __ksym;
extern void* bpf_cast_to_kern_ctx___flavour(void*) __ksym __weak;
extern int no_such_function(int) __ksym __weak;

SEC("raw_tp")
long variables(void* ctx) { return (long)&runqueues + (long)&bpf_prog_active + (long)&cpu_number; }

SEC("raw_tp")
long absent(void* ctx) { return (&no_such_variable ? 1 : 0) + (&no_such_symbol ? 2 : 0); }

SEC("raw_tp")
int functions(void* ctx) {
  bpf_rcu_read_lock();
  return bpf_cast_to_kern_ctx___flavour(ctx) != 0;
}

SEC("raw_tp")
int guarded(void* ctx) { return no_such_function ? 1 : 4; }

SEC("raw_tp")
int careless(void* ctx) { return no_such_function(5); }

char _license[] SEC("license") = "GPL";
