// Variables of two objects, the other half.
#include <linux/bpf.h>

#include <bpf/bpf_helpers.h>

struct inside {
  long value;
};
struct both {
  int number;
  struct inside* pointer;
  struct both* next;
};

extern int LINUX_KERNEL_VERSION __kconfig;

int data2 = 16;
int bss2;
const volatile int rodata2 = 32;
int weak_data __weak = 1 << 21;
int beaten_data = 64;
int weak_bss __weak;
int array_of_unknown_size[3] = {0, 1 << 10, 0};
struct inside inside_here = {.value = 1};
static volatile int same_name = 1 << 11;

extern int data1;
extern struct both shared_struct;

SEC("xdp")
int sum_two(struct xdp_md* ctx) {
  weak_bss += 1 << 13;
  return data1 + data2 + bss2 + weak_data + beaten_data + shared_struct.number + same_name + weak_bss +
         (LINUX_KERNEL_VERSION ? 1 << 14 : 0) + (int)inside_here.value;
}

char _license[] SEC("license") = "GPL";
