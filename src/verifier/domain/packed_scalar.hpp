// A scalar at rest, in 48 bytes instead of 64; of a pointer's varying part, in 32.
//
// Unsigned and signed bounds that stay on one side of the sign are the same pair of numbers. Of bounds that cross it,
// one is mostly no more than what the known bits and the lower half say, and is not stored. Where both say more, the
// lower half's place is taken, as long as that says no more than the bits. Values with all three lose the unsigned
// bounds: that only widens.
#pragma once

#include <algorithm>
#include <cstdint>

#include "verifier/domain/scalar.hpp"
#include "verifier/domain/scalar_sync.hpp"

namespace skep::verifier {

/// Which pair is stored shows in its order, as unsigned numbers: ascending on one side of the sign, both; ascending
/// across it, the unsigned bounds; descending, the signed ones.
struct PackedWhole {
  std::uint64_t value = 0, mask = 0;  ///< known bits; both with the sign bit set: see PackedHalf
  std::uint64_t first = 0, second = 0;

  constexpr bool operator==(const PackedWhole&) const noexcept = default;
};

/// Bounds of the lower half; or, where `value` and `mask` both have the sign bit, the signed bounds of the whole.
struct PackedHalf {
  std::uint32_t umin = 0, umax = 0, smin = 0, smax = 0;

  constexpr bool operator==(const PackedHalf&) const noexcept = default;
};

inline constexpr std::uint64_t kSignBit = std::uint64_t{1} << 63;

namespace packed {

/// What follows from the known bits, and from the lower half's bounds.
[[nodiscard]] constexpr Scalar::Whole from_bits(BasicTnum<64> bits, const Scalar::Half& half = {}) noexcept {
  Scalar::Whole whole;
  whole.meet(bits);
  sharpen_whole<64>(whole, half);
  return whole;
}

[[nodiscard]] constexpr PackedHalf from_bits(BasicTnum<32> bits) noexcept {
  Scalar::Half half;
  half.meet(bits);
  return {static_cast<std::uint32_t>(half.umin), static_cast<std::uint32_t>(half.umax),
          static_cast<std::uint32_t>(half.smin), static_cast<std::uint32_t>(half.smax)};
}

[[nodiscard]] constexpr bool crosses_sign(std::uint64_t a, std::uint64_t b) noexcept {
  return ((a ^ b) & kSignBit) != 0;
}

}  // namespace packed

/// The whole's part, without the bounds that need a half to stand in.
[[nodiscard]] constexpr PackedWhole pack_whole(const Scalar& num, const Scalar::Half& half = {}) noexcept {
  PackedWhole whole{num.bits.value, num.bits.mask, num.umin, num.umax};
  const auto low = static_cast<std::uint64_t>(num.smin), high = static_cast<std::uint64_t>(num.smax);
  if (low == num.umin && high == num.umax) return whole;
  if (packed::crosses_sign(num.umin, num.umax) && packed::crosses_sign(low, high)) {
    const Scalar::Whole known = packed::from_bits(num.bits, half);
    if (num.smin == known.smin && num.smax == known.smax) return whole;
    whole.first = low;
    whole.second = high;
    return whole;
  }
  // One of them stays on one side of the sign: what both contain.
  const bool negative = packed::crosses_sign(num.umin, num.umax) ? num.smin < 0 : (num.umin & kSignBit) != 0;
  const std::uint64_t lowest = std::max(num.umin, negative || num.smin > 0 ? low : 0);
  const std::uint64_t highest = std::min(num.umax, !negative || num.smax < 0 ? high : ~std::uint64_t{0});
  if (lowest <= highest) whole.first = lowest, whole.second = highest;
  return whole;
}

[[nodiscard]] constexpr PackedHalf half_of(const Scalar& num) noexcept {
  return {num.umin_half, num.umax_half, static_cast<std::uint32_t>(num.smin_half),
          static_cast<std::uint32_t>(num.smax_half)};
}

namespace packed {

/// Apart, as few numbers need it.
[[gnu::noinline]] inline void pack_across_sign(Scalar num, PackedWhole& whole, PackedHalf& half) noexcept {
  if (!num.is_consistent()) num = Scalar::unknown();
  whole = pack_whole(num, num.half());
  half = half_of(num);
  if (whole.first <= whole.second) return;
  const Scalar::Whole known = packed::from_bits(num.bits, num.half());
  const bool both_say_more = num.umin != known.umin || num.umax != known.umax;
  if (!both_say_more || half != packed::from_bits(num.bits.subreg())) return;
  half = {static_cast<std::uint32_t>(whole.first), static_cast<std::uint32_t>(whole.first >> 32),
          static_cast<std::uint32_t>(whole.second), static_cast<std::uint32_t>(whole.second >> 32)};
  whole.first = num.umin;
  whole.second = num.umax;
  whole.value |= kSignBit;
}

}  // namespace packed

/// All of it. A contradiction becomes the unknown number.
inline void pack(const Scalar& num, PackedWhole& whole, PackedHalf& half) noexcept {
  const bool one_side = num.umin == static_cast<std::uint64_t>(num.smin) && num.umin <= num.umax &&
                        num.umax == static_cast<std::uint64_t>(num.smax);
  if (!one_side) return packed::pack_across_sign(num, whole, half);
  whole = {num.bits.value, num.bits.mask, num.umin, num.umax};
  half = half_of(num);
}

namespace packed {

[[nodiscard]] constexpr Scalar unpack_whole(const PackedWhole& from, const Scalar::Half& half) noexcept {
  Scalar num({}, {}, half);
  num.bits = {from.value & ~from.mask, from.mask};
  if (from.first > from.second) {
    const Scalar::Whole known = packed::from_bits(num.bits, half);
    num.umin = known.umin;
    num.umax = known.umax;
    num.smin = static_cast<std::int64_t>(from.first);
    num.smax = static_cast<std::int64_t>(from.second);
    return num;
  }
  num.umin = from.first;
  num.umax = from.second;
  num.smin = static_cast<std::int64_t>(from.first);
  num.smax = static_cast<std::int64_t>(from.second);
  if (packed::crosses_sign(from.first, from.second)) {
    const Scalar::Whole known = packed::from_bits(num.bits, half);
    num.smin = known.smin;
    num.smax = known.smax;
  }
  return num;
}

}  // namespace packed

/// Of a pointer's varying part nobody asks for the lower half's bounds.
[[nodiscard]] constexpr Scalar unpack(const PackedWhole& from) noexcept {
  return from.mask == 0 ? Scalar::constant(from.value) : packed::unpack_whole(from, {});
}

[[nodiscard]] constexpr Scalar unpack(const PackedWhole& from, const PackedHalf& half) noexcept {
  if (from.mask == 0) return Scalar::constant(from.value);
  const bool holds_signed = (from.value & from.mask & kSignBit) != 0;
  const PackedHalf bounds =
      holds_signed ? packed::from_bits(BasicTnum<64>{from.value & ~from.mask, from.mask}.subreg()) : half;
  Scalar num = packed::unpack_whole(
      from, {bounds.umin, bounds.umax, static_cast<std::int32_t>(bounds.smin), static_cast<std::int32_t>(bounds.smax)});
  if (holds_signed) {
    num.smin = static_cast<std::int64_t>(half.umin | std::uint64_t{half.umax} << 32);
    num.smax = static_cast<std::int64_t>(half.smin | std::uint64_t{half.smax} << 32);
  }
  return num;
}

}  // namespace skep::verifier
