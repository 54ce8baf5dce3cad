// Reading memory at addresses that a program made up: the run's own regions first, then what the host lets it see.
//
// Nothing here dereferences an address before one of the two has agreed to it.
#pragma once

#include <cerrno>
#include <cstdint>
#include <span>

#include "helpers/env.hpp"

namespace skep::helpers {

/// The lower half of x86-64's addresses, but for its last page, is user space's.
inline constexpr std::uint64_t kTaskSize = 0x7ffffffff000;

/// User or kernel memory, told apart by the address as Linux does.
[[nodiscard]] constexpr MemorySpace space_of(std::uint64_t address) noexcept {
  return address < kTaskSize ? MemorySpace::user : MemorySpace::kernel;
}

/// What a failed read gives: -EFAULT, but -ERANGE where the kernel's memory is asked for at an address of user space.
[[nodiscard]] constexpr int read_error(MemorySpace space, std::uint64_t address) noexcept {
  constexpr std::uint64_t kPage = 4096;
  return space == MemorySpace::kernel && address < kTaskSize + kPage ? -ERANGE : -EFAULT;
}

/// Copies out.size() bytes. False, and `out` undefined, when some byte cannot be read.
[[nodiscard]] bool read_memory(Env& env, MemorySpace space, std::uint64_t address, std::span<std::byte> out) noexcept;

/// Copies a string and its NUL, reading nothing behind the NUL's 4,096-byte page. A string that does not fit is cut,
/// its last byte in `out` a NUL. The bytes written, 0 for an empty `out`, -EFAULT when a byte before the NUL cannot be
/// read.
[[nodiscard]] std::int64_t read_string(Env& env, MemorySpace space, std::uint64_t address,
                                       std::span<char> out) noexcept;

}  // namespace skep::helpers
