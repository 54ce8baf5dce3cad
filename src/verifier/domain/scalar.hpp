// What is known of a number: which bits, and between which bounds.
//
// A scalar is the meet of five descriptions of one kBits-wide value: known bits, unsigned and signed bounds of the
// whole, unsigned and signed bounds of its lower half. sync() lets each sharpen the others; every function here returns
// values in sync. The invariant all operators keep: whatever concrete values the operands contain, the result contains
// what the machine computes from them. Width is a parameter so that tests can enumerate small machines whole.
#pragma once

#include <cstdint>
#include <optional>

#include "verifier/domain/bounds.hpp"
#include "verifier/domain/tnum.hpp"

namespace skep::verifier {

/// Two-operand arithmetic of the instruction set. Division and remainder by zero and shifts have eBPF's results: x / 0
/// = 0, x % 0 = x, shift counts masked to the width (RFC 9669 section 4.1).
enum class Alu : std::uint8_t { add, sub, mul, div, mod, sdiv, smod, and_, or_, xor_, lsh, rsh, arsh };

/// Conditions of jumps; `set` is `a & b != 0`.
enum class Cond : std::uint8_t { eq, ne, gt, ge, lt, le, sgt, sge, slt, sle, set };

/// All values are held in 64 bits: unsigned ones zero-extended, signed ones sign-extended from kBits (or half of it).
template <unsigned kBits>
struct BasicScalar {
  static constexpr unsigned kHalf = kBits / 2;
  using Whole = Bounds<kBits>;
  using Half = Bounds<kHalf>;

  BasicTnum<kBits> bits;
  std::uint64_t umin = 0, umax = 0;
  std::int64_t smin = 0, smax = 0;
  std::uint32_t umin_half = 0, umax_half = 0;
  std::int32_t smin_half = 0, smax_half = 0;

  [[nodiscard]] static constexpr BasicScalar unknown() noexcept {
    return {BasicTnum<kBits>::unknown(), Whole{}, Half{}};
  }
  [[nodiscard]] static constexpr BasicScalar constant(std::uint64_t value) noexcept;
  /// Unsigned values in [low, high].
  [[nodiscard]] static BasicScalar between(std::uint64_t low, std::uint64_t high) noexcept;
  /// Signed values in [low, high].
  [[nodiscard]] static BasicScalar between_signed(std::int64_t low, std::int64_t high) noexcept;

  constexpr BasicScalar() noexcept = default;
  /// Not in sync.
  constexpr BasicScalar(BasicTnum<kBits> known, const Whole& whole, const Half& half) noexcept;

  [[nodiscard]] constexpr Whole whole() const noexcept { return {umin, umax, smin, smax}; }
  [[nodiscard]] constexpr Half half() const noexcept { return {umin_half, umax_half, smin_half, smax_half}; }

  [[nodiscard]] constexpr bool is_constant() const noexcept { return bits.is_constant(); }
  [[nodiscard]] constexpr std::uint64_t value() const noexcept { return bits.value; }  ///< when is_constant()
  [[nodiscard]] constexpr bool is_unknown() const noexcept { return *this == unknown(); }
  [[nodiscard]] constexpr bool half_is_constant() const noexcept { return umin_half == umax_half; }
  [[nodiscard]] constexpr bool contains(std::uint64_t value) const noexcept;
  /// True when each description is within the other's: what pruning asks.
  [[nodiscard]] constexpr bool within(const BasicScalar& wider) const noexcept;
  /// False for a contradiction (an empty set), which only refine() can produce.
  [[nodiscard]] constexpr bool is_consistent() const noexcept {
    return whole().is_consistent() && half().is_consistent();
  }

  /// Lets each description sharpen the others, as far as Linux does it (6.18). A contradiction between them leaves a
  /// value that is not consistent.
  void sync() noexcept;

  constexpr bool operator==(const BasicScalar&) const noexcept = default;
};

/// a op b on the whole width. Division and remainder are unknown, as are shifts unless b is a known count below the
/// width.
template <unsigned kBits>
[[nodiscard]] BasicScalar<kBits> alu(Alu op, const BasicScalar<kBits>& a, const BasicScalar<kBits>& b) noexcept;
/// a op b on the lower halves; the upper half is zero where Linux says so: unknown results are unknown on the whole
/// width.
template <unsigned kBits>
[[nodiscard]] BasicScalar<kBits> alu_half(Alu op, const BasicScalar<kBits>& a, const BasicScalar<kBits>& b) noexcept;
/// The lowest `bits` bits (1 … kBits), the rest zero.
template <unsigned kBits>
[[nodiscard]] BasicScalar<kBits> zero_extend(const BasicScalar<kBits>& a, unsigned bits) noexcept;
/// The lowest `bits` bits with their sign on the whole width.
template <unsigned kBits>
[[nodiscard]] BasicScalar<kBits> sign_extend(const BasicScalar<kBits>& a, unsigned bits) noexcept;
/// The lower half's lowest `bits` bits (1 … kHalf) with their sign on the lower half, the upper half zero.
template <unsigned kBits>
[[nodiscard]] BasicScalar<kBits> sign_extend_half(const BasicScalar<kBits>& a, unsigned bits) noexcept;
/// Bytes of the lowest `bits` bits (16, 32, 64) reversed, the rest zero. Of a range only the known bits survive.
template <unsigned kBits>
[[nodiscard]] BasicScalar<kBits> byte_swap(const BasicScalar<kBits>& a, unsigned bits) noexcept;

/// What `if a cond b` does, if a's and b's descriptions decide it; `half` compares lower halves.
template <unsigned kBits>
[[nodiscard]] std::optional<bool> decide(Cond cond, const BasicScalar<kBits>& a, const BasicScalar<kBits>& b,
                                         bool half) noexcept;
/// Sharpens both by what is known once `a cond b` came out as `holds`. False when it cannot have; both are then
/// unspecified.
template <unsigned kBits>
bool refine(Cond cond, bool holds, BasicScalar<kBits>& a, BasicScalar<kBits>& b, bool half) noexcept;

using Scalar = BasicScalar<64>;

template <unsigned kBits>
constexpr BasicScalar<kBits>::BasicScalar(BasicTnum<kBits> known, const Whole& whole, const Half& half) noexcept
    : bits(known),
      umin(whole.umin),
      umax(whole.umax),
      smin(whole.smin),
      smax(whole.smax),
      umin_half(static_cast<std::uint32_t>(half.umin)),
      umax_half(static_cast<std::uint32_t>(half.umax)),
      smin_half(static_cast<std::int32_t>(half.smin)),
      smax_half(static_cast<std::int32_t>(half.smax)) {}

template <unsigned kBits>
constexpr BasicScalar<kBits> BasicScalar<kBits>::constant(std::uint64_t value) noexcept {
  const std::uint64_t whole = value & Whole::kUnsignedMax;
  const std::uint64_t half = value & Half::kUnsignedMax;
  const std::int64_t whole_signed = Whole::to_signed(whole);
  const std::int64_t half_signed = Half::to_signed(half);
  return {{whole, 0}, {whole, whole, whole_signed, whole_signed}, {half, half, half_signed, half_signed}};
}

template <unsigned kBits>
constexpr bool BasicScalar<kBits>::contains(std::uint64_t value) const noexcept {
  return constant(value).within(*this);
}

template <unsigned kBits>
constexpr bool BasicScalar<kBits>::within(const BasicScalar& wider) const noexcept {
  return wider.umin <= umin && umax <= wider.umax && wider.smin <= smin && smax <= wider.smax &&
         wider.umin_half <= umin_half && umax_half <= wider.umax_half && wider.smin_half <= smin_half &&
         smax_half <= wider.smax_half && bits.in(wider.bits);
}

}  // namespace skep::verifier
