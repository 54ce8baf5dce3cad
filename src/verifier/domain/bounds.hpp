// Unsigned and signed bounds of one number of kWidth bits, and how each sharpens the other.
//
// A scalar has two of these, of the whole and of its lower half; what is the same for both is written here once. All
// values are held in 64 bits, unsigned ones zero-extended and signed ones sign-extended. Bounds with min > max contain
// nothing, and stay so whatever is met with them.
#pragma once

#include <algorithm>
#include <cstdint>

#include "verifier/domain/tnum.hpp"

namespace skep::verifier {

template <unsigned kWidth>
struct Bounds {
  static constexpr std::uint64_t kUnsignedMax = BasicTnum<kWidth>::kAll;
  static constexpr std::int64_t kSignedMax = static_cast<std::int64_t>(kUnsignedMax >> 1);
  static constexpr std::int64_t kSignedMin = -kSignedMax - 1;

  std::uint64_t umin = 0, umax = kUnsignedMax;
  std::int64_t smin = kSignedMin, smax = kSignedMax;

  [[nodiscard]] static constexpr std::uint64_t to_unsigned(std::int64_t value) noexcept {
    return static_cast<std::uint64_t>(value) & kUnsignedMax;
  }
  [[nodiscard]] static constexpr std::int64_t to_signed(std::uint64_t value) noexcept {
    return static_cast<std::int64_t>(value << (64 - kWidth)) >> (64 - kWidth);
  }

  [[nodiscard]] constexpr bool is_consistent() const noexcept { return umin <= umax && smin <= smax; }

  constexpr void meet_unsigned(std::uint64_t low, std::uint64_t high) noexcept {
    umin = std::max(umin, low);
    umax = std::min(umax, high);
  }
  constexpr void meet_signed(std::int64_t low, std::int64_t high) noexcept {
    smin = std::max(smin, low);
    smax = std::min(smax, high);
  }
  constexpr void meet(BasicTnum<kWidth> bits) noexcept {
    constexpr std::uint64_t kSign = std::uint64_t{1} << (kWidth - 1);
    meet_unsigned(bits.min(), bits.max());
    meet_signed(to_signed(bits.value | (bits.mask & kSign)), to_signed(bits.value | (bits.mask & ~kSign)));
  }

  /// Signed from unsigned bounds and back, where one of them does not cross the other's edge, or meets only one end of
  /// it.
  constexpr void cross() noexcept {
    if (to_signed(umin) <= to_signed(umax)) meet_signed(to_signed(umin), to_signed(umax));
    if (to_unsigned(smin) <= to_unsigned(smax)) {
      meet_unsigned(to_unsigned(smin), to_unsigned(smax));
    } else if (umax < to_unsigned(smin)) {
      // Only the part from 0 up to smax is left.
      smin = std::max(smin, to_signed(umin));
      umax = std::min(umax, to_unsigned(smax));
    } else if (to_unsigned(smax) < umin) {
      // Only the negative part is left.
      smax = std::min(smax, to_signed(umax));
      umin = std::max(umin, to_unsigned(smin));
    }
  }

  constexpr bool operator==(const Bounds&) const noexcept = default;
};

}  // namespace skep::verifier
