// A variable of every type that a kernel's configuration may have.
#include <linux/bpf.h>
#include <stdbool.h>

#include <bpf/bpf_helpers.h>

extern int LINUX_KERNEL_VERSION __kconfig;
extern bool LINUX_HAS_BPF_COOKIE __kconfig __weak;
extern bool LINUX_HAS_SYSCALL_WRAPPER __kconfig __weak;
extern bool LINUX_NOBODY_KNOWS __kconfig __weak;
extern bool CONFIG_BOOL __kconfig __weak;
extern enum libbpf_tristate CONFIG_TRISTATE __kconfig __weak;
extern char CONFIG_CHAR __kconfig __weak;
extern signed char CONFIG_SCHAR __kconfig __weak;
extern unsigned short CONFIG_USHORT __kconfig __weak;
extern int CONFIG_INT __kconfig __weak;
extern const unsigned long CONFIG_ULONG __kconfig __weak;
extern const char CONFIG_STR[8] __kconfig __weak;
extern int CONFIG_ABSENT __kconfig __weak;

SEC("socket")
int text(void* ctx) { return CONFIG_STR[0] + (CONFIG_STR[7] << 8); }

SEC("socket")
int letters(void* ctx) { return CONFIG_BOOL + 10 * CONFIG_TRISTATE + (CONFIG_CHAR << 8) + (CONFIG_SCHAR << 16); }

SEC("socket")
unsigned long numbers(void* ctx) { return CONFIG_INT + CONFIG_USHORT + CONFIG_ULONG + CONFIG_ABSENT; }

SEC("socket")
int facts(void* ctx) {
  return (LINUX_KERNEL_VERSION << 3) + LINUX_HAS_BPF_COOKIE + 2 * LINUX_HAS_SYSCALL_WRAPPER + 4 * LINUX_NOBODY_KNOWS;
}

char _license[] SEC("license") = "GPL";
