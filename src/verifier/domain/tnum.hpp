// Known bits: the ideal small room. A tnum is the set of values that agree with `value` wherever `mask` is 0.
//
// Invariant: value & mask == 0, and neither has bits at or above kBits. After Vishwanathan et al., "Sound, Precise, and
// Fast Abstract Interpretation with Tristate Numbers" (CGO 2022).
#pragma once

#include <cstdint>

namespace skep::verifier {

template <unsigned kBits>
struct BasicTnum {
  static constexpr std::uint64_t kAll = kBits == 64 ? ~std::uint64_t{0} : (std::uint64_t{1} << (kBits % 64)) - 1;

  std::uint64_t value = 0;
  std::uint64_t mask = 0;  ///< unknown bits

  [[nodiscard]] static constexpr BasicTnum unknown() noexcept { return {0, kAll}; }
  [[nodiscard]] static constexpr BasicTnum constant(std::uint64_t value) noexcept { return {value & kAll, 0}; }
  [[nodiscard]] constexpr bool is_constant() const noexcept { return mask == 0; }
  [[nodiscard]] constexpr bool contains(std::uint64_t other) const noexcept { return (other & ~mask) == value; }

  constexpr bool operator==(const BasicTnum&) const noexcept = default;
};

}  // namespace skep::verifier
