// Variables of two objects, one half: in .data, .bss and .rodata, weak and extern, and a struct that the other half knows
// only in part.
#include <linux/bpf.h>

#include <bpf/bpf_helpers.h>

struct inside;
struct both {
  int number;
  struct inside* pointer;
  struct both* next;
};

extern int LINUX_KERNEL_VERSION __kconfig;
extern int CONFIG_SKEP_NUMBER __kconfig __weak;

char odd_size[3] = {1, 2, 3};
int data1 = 1;
int bss1;
const volatile int rodata1 = 4;
int weak_data __weak = 8;
int beaten_data __weak = 1 << 20;
int weak_bss __weak;
struct both shared_struct = {.number = 1 << 8};
static volatile int same_name = 1 << 9;

extern int data2;
extern int bss2;
extern const volatile int rodata2;
extern int array_of_unknown_size[];

SEC("xdp")
int sum_one(struct xdp_md* ctx) {
  bss1 = 2;
  weak_bss += 1 << 12;
  return data1 + bss1 + rodata1 + weak_data + data2 + bss2 + rodata2 + beaten_data + shared_struct.number + same_name +
         weak_bss + array_of_unknown_size[1] + (LINUX_KERNEL_VERSION ? 1 << 14 : 0) + CONFIG_SKEP_NUMBER + odd_size[1];
}

char _license[] SEC("license") = "GPL";
