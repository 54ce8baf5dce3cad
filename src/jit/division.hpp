// Division by a constant without dividing: what is done to the dividend instead, whatever the processor.
//
// A quotient is the upper half of a product (Granlund and Montgomery, Division by Invariant Integers using
// Multiplication, 1994), or less. Every plan is exact for all dividends of its width, 0 as divisor included. Backends
// only encode what a plan says.
#pragma once

#include <cstdint>

#include "lower/shape.hpp"

namespace skep::jit {

struct Division {
  /// n is the dividend; everything is of the operation's width. From signed_power on, the quotient is what is said, and
  /// of a remainder that still has to be multiplied back.
  enum class How : std::uint8_t {
    zero,
    copy,
    negate,
    shift,           ///< n >> shift
    mask,            ///< n & (divisor - 1)
    signed_power,    ///< the divisor is 2^shift, shift > 0, or its opposite: rounded towards 0
    product,         ///< hi >> shift; with `adds` (((n - hi) >> 1) + hi) >> shift. hi: upper half of n * multiplier
    signed_product,  ///< x >> shift, and 1 more where that is negative; x: upper half of n * multiplier, all signed
  };

  How how = How::zero;
  bool is_modulo = false;
  /// The multiplier has one bit more than there is room for. Of 64 bits, signed, that bit is left out: n is to be added
  /// to x, or subtracted where the divisor is negative.
  bool adds = false;
  unsigned shift = 0;
  std::uint64_t multiplier = 0;  ///< of 32 bits, signed: all of it, extended to 64
  std::uint64_t divisor = 0;     ///< of 32 bits, the upper half is 0
  bool is_negative = false;      ///< the divisor of a signed division
};

/// Of an operation that divides by an immediate.
[[nodiscard]] Division plan_division(const lower::Shape& shape, std::int64_t imm) noexcept;

}  // namespace skep::jit
