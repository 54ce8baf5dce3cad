// The kernel's own structures that helpers and contexts hand to programs, by name.
//
// A verifier resolves each name once in the BTF of the kernel it verifies for; a name that BTF lacks makes whatever
// needs it unusable. Names are those of Linux 6.18's BTF.
#pragma once

#include <cstdint>
#include <string_view>

namespace skep::abi {

#define SKEP_KERNEL_TYPES(X)                                                                                        \
  X(task_struct)                                                                                                    \
  X(sock_common)                                                                                                    \
  X(sock)                                                                                                           \
  X(tcp_sock)                                                                                                       \
  X(tcp6_sock)                                                                                                      \
  X(tcp_timewait_sock) X(tcp_request_sock) X(udp6_sock) X(unix_sock) X(mptcp_sock) X(socket) X(sk_buff) X(xdp_buff) \
      X(nf_hook_state) X(seq_file) X(inode) X(path) X(file) X(linux_binprm) X(cgroup) X(pt_regs) X(vm_area_struct)

/// A struct of the kernel; `none` where there is no type to name.
enum class KernelType : std::uint8_t {
  none,
#define SKEP_ENUMERATOR(name) name,
  SKEP_KERNEL_TYPES(SKEP_ENUMERATOR)
#undef SKEP_ENUMERATOR
};

#define SKEP_COUNT(name) +1
inline constexpr unsigned kKernelTypes = 1 SKEP_KERNEL_TYPES(SKEP_COUNT);  ///< with `none`: the size of a table
#undef SKEP_COUNT

/// The struct's name in BTF; empty for none. Static storage.
[[nodiscard]] constexpr std::string_view name_of(KernelType type) noexcept {
  constexpr std::string_view kNames[] = {"",
#define SKEP_NAME(name) #name,
                                         SKEP_KERNEL_TYPES(SKEP_NAME)
#undef SKEP_NAME
  };
  return kNames[static_cast<unsigned>(type)];
}

}  // namespace skep::abi
