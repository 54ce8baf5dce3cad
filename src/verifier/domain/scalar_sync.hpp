// How the five descriptions of a scalar sharpen each other: which of them, in which order and how often is
// Linux 6.18's, so that both know the same of a value. Definitions for any width; scalar.cpp makes those of 64 bits.
//
// Every step only takes away values that no concrete number in all five descriptions has.
#pragma once

#include "verifier/domain/scalar.hpp"

namespace skep::verifier {

/// Lower halves of a range are a range of their own where the upper half stays the same, or moves by one while the
/// lower passes from -1 to 0.
template <unsigned kBits>
constexpr void sharpen_half(Bounds<kBits / 2>& half, const Bounds<kBits>& whole) noexcept {
  using Half = Bounds<kBits / 2>;
  const auto from = [&half](std::uint64_t first, std::uint64_t last) {
    const std::uint64_t moved = ((last >> (kBits / 2)) - (first >> (kBits / 2))) & Half::kUnsignedMax;
    const std::uint64_t low = first & Half::kUnsignedMax;
    const std::uint64_t high = last & Half::kUnsignedMax;
    const std::int64_t low_signed = Half::to_signed(low);
    const std::int64_t high_signed = Half::to_signed(high);
    if (moved == 0 && low <= high) half.meet_unsigned(low, high);
    if (moved == 0 ? low_signed <= high_signed : moved == 1 && low_signed < 0 && high_signed >= 0)
      half.meet_signed(low_signed, high_signed);
  };
  from(whole.umin, whole.umax);
  from(Bounds<kBits>::to_unsigned(whole.smin), Bounds<kBits>::to_unsigned(whole.smax));
}

/// The lower half's bounds, put under the upper half of the whole's.
template <unsigned kBits>
constexpr void sharpen_whole(Bounds<kBits>& whole, const Bounds<kBits / 2>& half) noexcept {
  using Half = Bounds<kBits / 2>;
  constexpr std::uint64_t kUpper = ~Half::kUnsignedMax;
  whole.meet_unsigned((whole.umin & kUpper) | half.umin, (whole.umax & kUpper) | half.umax);
  const auto under = [](std::int64_t bound, std::uint64_t low) {
    return static_cast<std::int64_t>((static_cast<std::uint64_t>(bound) & kUpper) | low);
  };
  whole.meet_signed(under(whole.smin, half.umin), under(whole.smax, half.umax));
  // After a sign-extending load the upper half is all zeros or all ones; a lower half without sign leaves zeros.
  if (half.smin >= 0 && whole.smin >= Half::kSignedMin && whole.smax <= Half::kSignedMax) {
    whole.meet_signed(half.smin, half.smax);
    whole.meet_unsigned(static_cast<std::uint64_t>(half.smin), static_cast<std::uint64_t>(half.smax));
  }
}

/// One round of what the ranges tell each other. False when nothing moved.
template <unsigned kBits>
[[nodiscard]] constexpr bool sharpen(Bounds<kBits>& whole, Bounds<kBits / 2>& half) noexcept {
  const auto whole_before = whole;
  const auto half_before = half;
  sharpen_half<kBits>(half, whole);
  half.cross();
  whole.cross();
  sharpen_whole<kBits>(whole, half);
  return whole != whole_before || half != half_before;
}

/// Bits from the ranges, and once more ranges from the bits.
template <unsigned kBits>
[[nodiscard]] constexpr BasicScalar<kBits> with_bits_of(BasicTnum<kBits> bits, Bounds<kBits> whole,
                                                        Bounds<kBits / 2> half) noexcept {
  const auto whole_bits = BasicTnum<kBits>::range(whole.umin, whole.umax);
  const auto half_bits = BasicTnum<kBits / 2>::range(half.umin, half.umax);
  auto known = intersect(bits, whole_bits);
  const bool possible = bits.overlaps(whole_bits) && known.subreg().overlaps(half_bits);
  known = known.with_subreg(intersect(known.subreg(), half_bits));
  whole.meet(known);
  half.meet(known.subreg());
  if (!possible) whole.umin = 1, whole.umax = 0;
  return {known, whole, half};
}

/// The only value that is in both the bounds and the known bits, if there is just one; or one outside the bounds when
/// there is none. The bounds have met the bits.
template <unsigned kBits>
[[nodiscard]] constexpr std::optional<std::uint64_t> only_value(const Bounds<kBits>& whole,
                                                                BasicTnum<kBits> bits) noexcept {
  if (whole.umin > whole.umax) return std::nullopt;
  const std::uint64_t first = bits.at_least(whole.umin);
  if (first < whole.umax && bits.at_least(first + 1) <= whole.umax) return std::nullopt;
  return first;
}

/// `value` if it is contained in `scalar`, a contradiction otherwise.
template <unsigned kBits>
[[nodiscard]] constexpr BasicScalar<kBits> only(std::uint64_t value, const BasicScalar<kBits>& scalar) noexcept {
  auto constant = BasicScalar<kBits>::constant(value);
  if (!constant.within(scalar)) constant.umin = 1, constant.umax = 0;
  return constant;
}

/// Numbers below the lower half's sign bit, which most are: all four ranges are one, found without rounds.
template <unsigned kBits>
[[nodiscard]] constexpr BasicScalar<kBits> small_in_sync(BasicTnum<kBits> bits, const Bounds<kBits>& whole,
                                                         const Bounds<kBits / 2>& half) noexcept {
  const auto lowest = static_cast<std::uint64_t>(std::max({std::int64_t{0}, whole.smin, half.smin}));
  const std::uint64_t low = std::max({whole.umin, half.umin, lowest});
  const std::int64_t highest = std::min(whole.smax, half.smax);
  const std::uint64_t high =
      std::min({whole.umax, half.umax, static_cast<std::uint64_t>(std::max<std::int64_t>(highest, 0))});
  const auto range = BasicTnum<kBits>::range(low, high);
  const auto known = intersect(bits, range);
  const bool possible = low <= high && highest >= 0 && bits.overlaps(range);
  const std::uint64_t umin = std::max(low, known.min());
  const std::uint64_t umax = possible ? std::min(high, known.max()) : 0;
  const auto smin = static_cast<std::int64_t>(umin), smax = static_cast<std::int64_t>(umax);
  return {known, {possible ? umin : 1, umax, smin, smax}, {umin, umax, smin, smax}};
}

template <unsigned kBits>
void BasicScalar<kBits>::sync() noexcept {
  if (bits.is_constant()) {
    *this = only(bits.value, *this);
    return;
  }
  Whole whole = this->whole();
  Half half = this->half();
  whole.meet(bits);
  half.meet(bits.subreg());
  if (const auto value = only_value(whole, bits)) {
    *this = only(*value, *this);
    return;
  }
  if (whole.umax <= static_cast<std::uint64_t>(Half::kSignedMax)) {
    *this = small_in_sync<kBits>(bits, whole, half);
  } else {
    for (int round = 0; round < 3 && sharpen<kBits>(whole, half); ++round) {
    }
    *this = with_bits_of<kBits>(bits, whole, half);
  }
  if (!is_consistent()) return;
  if (const auto value = only_value(this->whole(), bits)) *this = only(*value, *this);
}

template <unsigned kBits>
[[nodiscard]] BasicScalar<kBits> in_sync(BasicTnum<kBits> bits, const Bounds<kBits>& whole,
                                         const Bounds<kBits / 2>& half) noexcept {
  BasicScalar<kBits> scalar(bits, whole, half);
  scalar.sync();
  return scalar;
}

template <unsigned kBits>
BasicScalar<kBits> BasicScalar<kBits>::between(std::uint64_t low, std::uint64_t high) noexcept {
  Whole whole;
  whole.meet_unsigned(low, high);
  return in_sync<kBits>(BasicTnum<kBits>::unknown(), whole, {});
}

template <unsigned kBits>
BasicScalar<kBits> BasicScalar<kBits>::between_signed(std::int64_t low, std::int64_t high) noexcept {
  Whole whole;
  whole.meet_signed(low, high);
  return in_sync<kBits>(BasicTnum<kBits>::unknown(), whole, {});
}

}  // namespace skep::verifier
