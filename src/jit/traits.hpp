// What an op's code alone says of it, as bits: passes over all ops look it up instead of asking one thing after
// another.
#pragma once

#include <array>
#include <cstdint>

#include "lower/shape.hpp"

namespace skep::jit {

using Traits = std::uint16_t;

namespace traits {
inline constexpr Traits jumps = 1 << 0;            ///< control may go elsewhere after it
inline constexpr Traits ends_flow = 1 << 1;        ///< control does not go on with the next op
inline constexpr Traits ends_block = 1 << 2;       ///< what follows is paid for on its own; calls, as the callee counts
inline constexpr Traits calls_function = 1 << 3;   ///< of the program, which is named
inline constexpr Traits calls_out = 1 << 4;        ///< may need a call of C code or a call-out, but for calls_function
inline constexpr Traits may_end = 1 << 5;          ///< may end the run, but for calls_function and names_callee
inline constexpr Traits names_callee = 1 << 6;     ///< a helper without checks: what it may do says its binding
inline constexpr Traits is_checked = 1 << 7;       ///< looks at windows
inline constexpr Traits is_tail_call = 1 << 8;     ///< may come back with another image current
inline constexpr Traits counts_may_goto = 1 << 9;  ///< needs the function's loop counter
inline constexpr Traits stores = 1 << 10;          ///< to memory, without a check and without an order
inline constexpr Traits loads_byte = 1 << 11;      ///< zero-extended, without a check
inline constexpr Traits is_pure = 1 << 12;         ///< has no effect but on its destination
}  // namespace traits

/// By code.
extern const std::array<Traits, lower::kCodeCount> kTraits;

[[nodiscard]] inline Traits traits_of(const lower::Op& op) noexcept {
  return kTraits[static_cast<std::size_t>(op.code)];
}
/// Control may go elsewhere after the op.
[[nodiscard]] inline bool goes_to(const lower::Op& op) noexcept { return (traits_of(op) & traits::jumps) != 0; }
/// Control does not go on with the next op.
[[nodiscard]] inline bool ends_flow(const lower::Op& op) noexcept { return (traits_of(op) & traits::ends_flow) != 0; }

}  // namespace skep::jit
