// Arithmetic on sizes and powers of two that several rooms need. Pure functions, no state.
#pragma once

#include <bit>
#include <concepts>
#include <cstdint>

namespace skep {

/// `value` rounded up to a multiple of `unit`, a power of two. The caller rules out overflow.
template <std::unsigned_integral T>
[[nodiscard]] constexpr T round_up(T value, T unit) noexcept {
  return (value + unit - 1) & ~(unit - 1);
}

/// True when [off, off + size) lies inside [0, total), computed without overflow.
[[nodiscard]] constexpr bool in_bounds(std::uint64_t off, std::uint64_t size, std::uint64_t total) noexcept {
  return off <= total && size <= total - off;
}

}  // namespace skep
