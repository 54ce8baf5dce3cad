// A program that asks its surroundings for everything one can ask: CO-RE, kernel configuration, symbols and functions.
#include <linux/bpf.h>

#include <bpf/bpf_helpers.h>

struct load {
  int weight[4];
};
struct task_struct {
  int pid;
  struct {
    struct load load[2];
  };
  unsigned flag : 3;
} __attribute__((preserve_access_index));

enum mood { GOOD, BAD };

extern int CONFIG_HZ __kconfig;
extern const void init_task __ksym;
extern const int bpf_prog_active __ksym;
extern void kernel_fn(int) __ksym;

static __attribute__((noinline)) int ask(struct task_struct* task) { return task->load[1].weight[2]; }

SEC("raw_tp/sys_enter")
int needy(void* ctx) {
  struct task_struct* task = ctx;
  kernel_fn(CONFIG_HZ);
  return task->pid + ask(task) + (long)&init_task + bpf_prog_active +
         __builtin_preserve_enum_value(*(enum mood*)BAD, 1) + __builtin_preserve_type_info(*(struct load*)0, 1);
}

SEC("raw_tp")
int content(void* ctx) { return 0; }

char _license[] SEC("license") = "GPL";
