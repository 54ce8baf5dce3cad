// Arithmetic on scalars, put together from that on known bits and on bounds. Definitions for any width.
//
// Knows what Linux 6.18 knows and no more, so that verdicts agree: results of division and remainder, and of shifts by
// a count that is unknown or not below the width, are unknown.
#pragma once

#include "verifier/domain/bounds_alu.hpp"
#include "verifier/domain/scalar.hpp"
#include "verifier/domain/scalar_sync.hpp"

namespace skep::verifier {

/// Whether alu can say anything of a result.
template <unsigned kBits>
[[nodiscard]] bool is_computable(Alu op, const BasicScalar<kBits>& b, unsigned width) noexcept {
  switch (op) {
    case Alu::add:
    case Alu::sub:
    case Alu::mul:
    case Alu::and_:
    case Alu::or_:
    case Alu::xor_:
      return true;
    case Alu::lsh:
    case Alu::rsh:
    case Alu::arsh:
      return b.is_constant() && b.value() < width;
    case Alu::div:
    case Alu::mod:
    case Alu::sdiv:
    case Alu::smod:
      return false;
  }
  __builtin_unreachable();
}

/// The bits known of a computable result; shifts take b's value as the count.
template <unsigned kWidth>
[[nodiscard]] BasicTnum<kWidth> known_bits(Alu op, BasicTnum<kWidth> a, BasicTnum<kWidth> b) noexcept {
  const auto count = static_cast<unsigned>(b.value);
  switch (op) {
    case Alu::add:
      return add(a, b);
    case Alu::sub:
      return sub(a, b);
    case Alu::mul:
      return mul(a, b);
    case Alu::and_:
      return and_(a, b);
    case Alu::or_:
      return or_(a, b);
    case Alu::xor_:
      return xor_(a, b);
    case Alu::lsh:
      return lsh(a, count);
    case Alu::rsh:
      return rsh(a, count);
    case Alu::arsh:
      return arsh(a, count);
    case Alu::div:
    case Alu::mod:
    case Alu::sdiv:
    case Alu::smod:
      return BasicTnum<kWidth>::unknown();
  }
  __builtin_unreachable();
}

/// The bounds of a computable result whose known bits are `bits`.
template <unsigned kWidth>
[[nodiscard]] Bounds<kWidth> bounds_of(Alu op, const Bounds<kWidth>& a, const Bounds<kWidth>& b,
                                       BasicTnum<kWidth> bits) noexcept {
  const auto count = static_cast<unsigned>(b.umin);
  switch (op) {
    case Alu::add:
      return add(a, b);
    case Alu::sub:
      return sub(a, b);
    case Alu::mul:
      return mul(a, b);
    case Alu::and_:
      return and_(a, b, bits);
    case Alu::or_:
      return or_(a, b, bits);
    case Alu::xor_:
      return xor_(bits);
    case Alu::lsh:
      return lsh(a, count);
    case Alu::rsh:
      return rsh(a, count);
    case Alu::arsh:
      return arsh(a, count);
    case Alu::div:
    case Alu::mod:
    case Alu::sdiv:
    case Alu::smod:
      return {};
  }
  __builtin_unreachable();
}

/// A lower half under an upper half of zeros.
template <unsigned kBits>
[[nodiscard]] BasicScalar<kBits> under_zeros(BasicTnum<kBits / 2> bits, const Bounds<kBits / 2>& half) noexcept {
  return in_sync<kBits>({bits.value, bits.mask}, bounds_from_unsigned<kBits>(half.umin, half.umax), half);
}

template <unsigned kBits>
BasicScalar<kBits> alu(Alu op, const BasicScalar<kBits>& a, const BasicScalar<kBits>& b) noexcept {
  using Scalar = BasicScalar<kBits>;
  if (!is_computable(op, b, kBits)) return Scalar::unknown();
  const auto bits = known_bits(op, a.bits, b.bits);
  if (bits.is_constant()) return Scalar::constant(bits.value);
  auto whole = bounds_of(op, a.whole(), b.whole(), bits);
  typename Scalar::Half half;
  if (op == Alu::lsh && b.value() == Scalar::kHalf) {
    // The first of the two shifts that extend the lower half's sign.
    constexpr std::int64_t kFactor = std::int64_t{1} << Scalar::kHalf;
    whole.meet_signed(a.smin_half * kFactor, a.smax_half * kFactor);
  } else if (op != Alu::rsh && op != Alu::arsh) {
    // What enters from the upper half when shifting right is not in the lower half's bounds.
    half = bounds_of(op, a.half(), b.half(), bits.subreg());
  }
  return in_sync<kBits>(bits, whole, half);
}

template <unsigned kBits>
BasicScalar<kBits> alu_half(Alu op, const BasicScalar<kBits>& a, const BasicScalar<kBits>& b) noexcept {
  if (!is_computable(op, b, BasicScalar<kBits>::kHalf)) return BasicScalar<kBits>::unknown();
  const auto bits = known_bits(op, a.bits.subreg(), b.bits.subreg());
  if (bits.is_constant()) return BasicScalar<kBits>::constant(bits.value);
  return under_zeros<kBits>(bits, bounds_of(op, a.half(), b.half(), bits));
}

template <unsigned kBits>
BasicScalar<kBits> zero_extend(const BasicScalar<kBits>& a, unsigned bits) noexcept {
  using Scalar = BasicScalar<kBits>;
  if (bits >= kBits) return a;
  if (bits == Scalar::kHalf) return under_zeros<kBits>(a.bits.subreg(), a.half());
  const std::uint64_t kept = (std::uint64_t{1} << bits) - 1;
  const bool upper_is_fixed = (a.umin & ~kept) == (a.umax & ~kept);
  const std::uint64_t low = upper_is_fixed ? a.umin & kept : 0;
  const std::uint64_t high = upper_is_fixed ? a.umax & kept : kept;
  const auto half = bits < Scalar::kHalf ? typename Scalar::Half{} : a.half();
  return in_sync<kBits>(a.bits.low(bits), bounds_from_unsigned<kBits>(low, high), half);
}

/// What the lowest `bits` bits of a number within `bounds` are when read as signed.
template <unsigned kWidth>
[[nodiscard]] Bounds<kWidth> sign_extended(const Bounds<kWidth>& bounds, unsigned bits) noexcept {
  const auto extend = [bits](std::int64_t value) {
    return static_cast<std::int64_t>(static_cast<std::uint64_t>(value) << (64 - bits)) >> (64 - bits);
  };
  const std::int64_t low = extend(bounds.smin);
  const std::int64_t high = extend(bounds.smax);
  Bounds<kWidth> result;
  if (bounds.smin >> bits == bounds.smax >> bits && (low < 0) == (high < 0)) {
    result.meet_signed(low, high);
  } else {
    const std::int64_t max = (std::int64_t{1} << (bits - 1)) - 1;
    result.meet_signed(-max - 1, max);
  }
  return result;
}

template <unsigned kBits>
BasicScalar<kBits> sign_extend(const BasicScalar<kBits>& a, unsigned bits) noexcept {
  if (bits >= kBits) return a;
  return in_sync<kBits>(BasicTnum<kBits>::unknown(), sign_extended(a.whole(), bits), {});
}

template <unsigned kBits>
BasicScalar<kBits> sign_extend_half(const BasicScalar<kBits>& a, unsigned bits) noexcept {
  if (bits >= BasicScalar<kBits>::kHalf) return zero_extend(a, BasicScalar<kBits>::kHalf);
  auto half = sign_extended(a.half(), bits);
  half.cross();
  return under_zeros<kBits>(BasicTnum<kBits / 2>::unknown(), half);
}

template <unsigned kBits>
BasicScalar<kBits> byte_swap(const BasicScalar<kBits>& a, unsigned bits) noexcept {
  const auto swap = [bits](std::uint64_t value) { return __builtin_bswap64(value) >> (64 - bits); };
  return in_sync<kBits>({swap(a.bits.value), swap(a.bits.mask)}, {}, {});
}

}  // namespace skep::verifier
