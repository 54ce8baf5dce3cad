// A program that answers with what it is told of its kernel.
#include <linux/bpf.h>

#include <bpf/bpf_helpers.h>

extern int CONFIG_NUMBER __kconfig;
extern const char CONFIG_TEXT[8] __kconfig __weak;
extern const void symbol __ksym __weak;

SEC("socket")
long told(void* ctx) { return CONFIG_NUMBER + (long)&symbol + CONFIG_TEXT[0]; }
