// libbpf's half of the comparison. What it asks the kernel is answered here, so that the kernel's work is no part of
// it: each bpf(2) succeeds and gives a descriptor, and nothing is loaded.
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <fcntl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <cstdarg>
#include <cstdio>
#include <cstdlib>

#include "report.hpp"

namespace {

int say_nothing(libbpf_print_level, const char*, va_list) { return 0; }

/// What is made needs a descriptor, for libbpf moves it to a number that it has set aside; the rest has happened.
long answer(int command) {
  const bool makes = command == BPF_MAP_CREATE || command == BPF_PROG_LOAD || command == BPF_BTF_LOAD;
  return makes ? open("/dev/null", O_RDONLY | O_CLOEXEC) : 0;
}

/// Against the running kernel's types: given by path, libbpf would read them twice.
bool open_and_relocate(const char* path) {
  bpf_object* const object = bpf_object__open_file(path, nullptr);
  if (object == nullptr) return false;
  return bpf_object__load(object) == 0;  // kept until the process ends, as skep's is while it is measured
}

}  // namespace

/// Stands in for libc's in libbpf, too.
extern "C" [[gnu::visibility("default")]] long syscall(long number, ...) noexcept {
  va_list args;
  va_start(args, number);
  long a[6];
  for (long& each : a) each = va_arg(args, long);
  va_end(args);
  if (number == SYS_bpf) return answer(static_cast<int>(a[0]));
  register long r10 asm("r10") = a[3];
  register long r8 asm("r8") = a[4];
  register long r9 asm("r9") = a[5];
  long result;
  asm volatile("syscall"
               : "=a"(result)
               : "a"(number), "D"(a[0]), "S"(a[1]), "d"(a[2]), "r"(r10), "r"(r8), "r"(r9)
               : "rcx", "r11", "memory");
  if (result >= 0) return result;
  errno = static_cast<int>(-result);
  return -1;
}

int main(int argc, char** argv) {
  if (argc != 2) return std::fprintf(stderr, "usage: %s OBJECT\n", argv[0]), 2;
  libbpf_set_print(say_nothing);
  return skep::bench::report([&] { return open_and_relocate(argv[1]); });
}
