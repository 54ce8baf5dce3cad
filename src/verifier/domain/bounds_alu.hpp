// Bounds of results: what each operator does to unsigned and signed bounds, at any width.
//
// The precision is Linux 6.18's: a bound survives unless some pair of operands overflows it (unsigned sums and
// differences also when every pair does), bitwise operators learn from the result's known bits, shifts want a known
// count.
#pragma once

#include <algorithm>
#include <cstdint>

#include "verifier/domain/bounds.hpp"

namespace skep::verifier {

/// Values that have no sign or only have one: the same bounds, signed and unsigned.
template <unsigned kWidth>
[[nodiscard]] constexpr Bounds<kWidth> bounds_from_unsigned(std::uint64_t low, std::uint64_t high) noexcept {
  Bounds<kWidth> result;
  result.umin = low;
  result.umax = high;
  const std::int64_t low_signed = Bounds<kWidth>::to_signed(low);
  const std::int64_t high_signed = Bounds<kWidth>::to_signed(high);
  if (low_signed <= high_signed) result.meet_signed(low_signed, high_signed);
  return result;
}

template <unsigned kWidth>
[[nodiscard]] constexpr bool overflows(std::int64_t value) noexcept {
  return value < Bounds<kWidth>::kSignedMin || value > Bounds<kWidth>::kSignedMax;
}

template <unsigned kWidth>
[[nodiscard]] constexpr Bounds<kWidth> add(const Bounds<kWidth>& a, const Bounds<kWidth>& b) noexcept {
  Bounds<kWidth> result;
  std::int64_t smin = 0, smax = 0;
  const bool low_overflows = __builtin_add_overflow(a.smin, b.smin, &smin) || overflows<kWidth>(smin);
  const bool high_overflows = __builtin_add_overflow(a.smax, b.smax, &smax) || overflows<kWidth>(smax);
  if (!low_overflows && !high_overflows) result.smin = smin, result.smax = smax;
  const bool low_wraps = b.umin > result.kUnsignedMax - a.umin;
  const bool high_wraps = b.umax > result.kUnsignedMax - a.umax;
  if (low_wraps == high_wraps) {
    result.umin = (a.umin + b.umin) & result.kUnsignedMax;
    result.umax = (a.umax + b.umax) & result.kUnsignedMax;
  }
  return result;
}

template <unsigned kWidth>
[[nodiscard]] constexpr Bounds<kWidth> sub(const Bounds<kWidth>& a, const Bounds<kWidth>& b) noexcept {
  Bounds<kWidth> result;
  std::int64_t smin = 0, smax = 0;
  const bool low_overflows = __builtin_sub_overflow(a.smin, b.smax, &smin) || overflows<kWidth>(smin);
  const bool high_overflows = __builtin_sub_overflow(a.smax, b.smin, &smax) || overflows<kWidth>(smax);
  if (!low_overflows && !high_overflows) result.smin = smin, result.smax = smax;
  if ((a.umin < b.umax) == (a.umax < b.umin)) {
    result.umin = (a.umin - b.umax) & result.kUnsignedMax;
    result.umax = (a.umax - b.umin) & result.kUnsignedMax;
  }
  return result;
}

template <unsigned kWidth>
[[nodiscard]] constexpr Bounds<kWidth> mul(const Bounds<kWidth>& a, const Bounds<kWidth>& b) noexcept {
  Bounds<kWidth> result;
  std::uint64_t umax = 0;
  if (!__builtin_mul_overflow(a.umax, b.umax, &umax) && umax <= result.kUnsignedMax)
    result.umin = a.umin * b.umin, result.umax = umax;
  std::int64_t corners[4] = {};
  const bool wraps = __builtin_mul_overflow(a.smin, b.smin, &corners[0]) || overflows<kWidth>(corners[0]) ||
                     __builtin_mul_overflow(a.smin, b.smax, &corners[1]) || overflows<kWidth>(corners[1]) ||
                     __builtin_mul_overflow(a.smax, b.smin, &corners[2]) || overflows<kWidth>(corners[2]) ||
                     __builtin_mul_overflow(a.smax, b.smax, &corners[3]) || overflows<kWidth>(corners[3]);
  if (!wraps) {
    result.smin = *std::min_element(corners, corners + 4);
    result.smax = *std::max_element(corners, corners + 4);
  }
  return result;
}

/// `bits` is what is known of a & b; the same for or and xor.
template <unsigned kWidth>
[[nodiscard]] constexpr Bounds<kWidth> and_(const Bounds<kWidth>& a, const Bounds<kWidth>& b,
                                            BasicTnum<kWidth> bits) noexcept {
  return bounds_from_unsigned<kWidth>(bits.min(), std::min(a.umax, b.umax));
}

template <unsigned kWidth>
[[nodiscard]] constexpr Bounds<kWidth> or_(const Bounds<kWidth>& a, const Bounds<kWidth>& b,
                                           BasicTnum<kWidth> bits) noexcept {
  return bounds_from_unsigned<kWidth>(std::max(a.umin, b.umin), bits.max());
}

template <unsigned kWidth>
[[nodiscard]] constexpr Bounds<kWidth> xor_(BasicTnum<kWidth> bits) noexcept {
  return bounds_from_unsigned<kWidth>(bits.min(), bits.max());
}

/// Signed bounds are lost: bits move into the sign. Counts past the width give nothing.
template <unsigned kWidth>
[[nodiscard]] constexpr Bounds<kWidth> lsh(const Bounds<kWidth>& a, unsigned count) noexcept {
  Bounds<kWidth> result;
  if (count >= kWidth || a.umax > std::uint64_t{1} << (kWidth - 1 - count)) return result;
  result.umin = a.umin << count;
  result.umax = a.umax << count;
  return result;
}

/// `count` < kWidth, as for arsh.
template <unsigned kWidth>
[[nodiscard]] constexpr Bounds<kWidth> rsh(const Bounds<kWidth>& a, unsigned count) noexcept {
  Bounds<kWidth> result;
  result.umin = a.umin >> count;
  result.umax = a.umax >> count;
  return result;
}

template <unsigned kWidth>
[[nodiscard]] constexpr Bounds<kWidth> arsh(const Bounds<kWidth>& a, unsigned count) noexcept {
  Bounds<kWidth> result;
  result.smin = a.smin >> count;
  result.smax = a.smax >> count;
  return result;
}

}  // namespace skep::verifier
