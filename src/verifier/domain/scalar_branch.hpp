// Conditions on scalars: when they are decided, and what is known after them. Definitions for any width.
//
// Knows what Linux 6.18 knows, with one difference: a condition that cannot hold is reported, where Linux walks on with
// bounds that contradict each other. Conditions on halves are the same rules at half the width.
#pragma once

#include <optional>
#include <utility>

#include "verifier/domain/scalar.hpp"
#include "verifier/domain/scalar_sync.hpp"

namespace skep::verifier {

/// What a condition sees of an operand: all of it or its lower half.
template <unsigned kWidth>
struct Side {
  Bounds<kWidth> bounds;
  BasicTnum<kWidth> bits;
};

template <unsigned kWidth>
[[nodiscard]] bool are_disjoint(const Bounds<kWidth>& a, const Bounds<kWidth>& b) noexcept {
  return a.umin > b.umax || a.umax < b.umin || a.smin > b.smax || a.smax < b.smin;
}

template <unsigned kWidth>
[[nodiscard]] std::optional<bool> decide_equal(const Side<kWidth>& a, const Side<kWidth>& b) noexcept {
  if (a.bits.is_constant() && b.bits.is_constant()) return a.bits.value == b.bits.value;
  if (!a.bits.overlaps(b.bits) || are_disjoint(a.bounds, b.bounds)) return false;
  return std::nullopt;
}

[[nodiscard]] inline std::optional<bool> inverse(std::optional<bool> decision) noexcept {
  if (decision) return !*decision;
  return decision;
}

/// Linux looks only at tests against a known number.
template <unsigned kWidth>
[[nodiscard]] std::optional<bool> decide_set(BasicTnum<kWidth> a, BasicTnum<kWidth> b) noexcept {
  if (!a.is_constant() && !b.is_constant()) return std::nullopt;
  if ((a.value & b.value) != 0) return true;
  if ((a.max() & b.max()) == 0) return false;
  return std::nullopt;
}

/// a > b, from the ends of their ranges; a >= b is the inverse of b > a.
template <typename Int>
[[nodiscard]] std::optional<bool> decide_greater(Int a_min, Int a_max, Int b_min, Int b_max) noexcept {
  if (a_min > b_max) return true;
  if (a_max <= b_min) return false;
  return std::nullopt;
}

template <unsigned kWidth>
[[nodiscard]] std::optional<bool> decide_side(Cond cond, const Side<kWidth>& a, const Side<kWidth>& b) noexcept {
  const Bounds<kWidth>& x = a.bounds;
  const Bounds<kWidth>& y = b.bounds;
  switch (cond) {
    case Cond::eq:
      return decide_equal(a, b);
    case Cond::ne:
      return inverse(decide_equal(a, b));
    case Cond::gt:
      return decide_greater(x.umin, x.umax, y.umin, y.umax);
    case Cond::ge:
      return inverse(decide_greater(y.umin, y.umax, x.umin, x.umax));
    case Cond::lt:
      return decide_greater(y.umin, y.umax, x.umin, x.umax);
    case Cond::le:
      return inverse(decide_greater(x.umin, x.umax, y.umin, y.umax));
    case Cond::sgt:
      return decide_greater(x.smin, x.smax, y.smin, y.smax);
    case Cond::sge:
      return inverse(decide_greater(y.smin, y.smax, x.smin, x.smax));
    case Cond::slt:
      return decide_greater(y.smin, y.smax, x.smin, x.smax);
    case Cond::sle:
      return inverse(decide_greater(x.smin, x.smax, y.smin, y.smax));
    case Cond::set:
      return decide_set(a.bits, b.bits);
  }
  __builtin_unreachable();
}

template <unsigned kBits>
std::optional<bool> decide(Cond cond, const BasicScalar<kBits>& a, const BasicScalar<kBits>& b, bool half) noexcept {
  if (half) {
    using HalfSide = Side<kBits / 2>;
    return decide_side(cond, HalfSide{a.half(), a.bits.subreg()}, HalfSide{b.half(), b.bits.subreg()});
  }
  const auto decision = decide_side(cond, Side<kBits>{a.whole(), a.bits}, Side<kBits>{b.whole(), b.bits});
  if (!decision && (cond == Cond::eq || cond == Cond::ne) && are_disjoint(a.half(), b.half())) return cond == Cond::ne;
  return decision;
}

/// The refinements return false where they find a contradiction; others show in the bounds they leave.
template <unsigned kWidth>
bool refine_equal(Side<kWidth>& a, Side<kWidth>& b) noexcept {
  if (!a.bits.overlaps(b.bits)) return false;
  a.bounds.meet_unsigned(b.bounds.umin, b.bounds.umax);
  a.bounds.meet_signed(b.bounds.smin, b.bounds.smax);
  a.bits = intersect(a.bits, b.bits);
  b = a;
  return true;
}

/// A known number at the edge of a range is cut off.
template <unsigned kWidth>
bool refine_unequal(Side<kWidth>& a, Side<kWidth>& b) noexcept {
  Side<kWidth>& open = b.bits.is_constant() ? a : b;
  const Side<kWidth>& known = b.bits.is_constant() ? b : a;
  if (!known.bits.is_constant()) return true;
  if (open.bits == known.bits) return false;
  Bounds<kWidth>& bounds = open.bounds;
  const std::uint64_t value = known.bits.value;
  const std::int64_t value_signed = Bounds<kWidth>::to_signed(value);
  if (bounds.umin == value) ++bounds.umin;
  if (bounds.umax == value) --bounds.umax;
  if (bounds.smin == value_signed) ++bounds.smin;
  if (bounds.smax == value_signed) --bounds.smax;
  return true;
}

/// `holds` tells something of a single tested bit; its opposite, of all of them.
template <unsigned kWidth>
bool refine_set(bool holds, Side<kWidth>& a, Side<kWidth>& b) noexcept {
  Side<kWidth>& open = b.bits.is_constant() ? a : b;
  const Side<kWidth>& known = b.bits.is_constant() ? b : a;
  if (!known.bits.is_constant()) return true;
  const std::uint64_t tested = known.bits.value;
  if (holds) {
    if ((open.bits.max() & tested) == 0) return false;
    if (std::has_single_bit(tested)) open.bits = or_(open.bits, known.bits);
    return true;
  }
  if ((open.bits.value & tested) != 0) return false;
  open.bits = {open.bits.value, open.bits.mask & ~tested};
  return true;
}

template <unsigned kWidth>
bool refine_less(Bounds<kWidth>& a, Bounds<kWidth>& b) noexcept {
  if (b.umax == 0 || a.umin == b.kUnsignedMax) return false;
  a.umax = std::min(a.umax, b.umax - 1);
  b.umin = std::max(b.umin, a.umin + 1);
  return true;
}

template <unsigned kWidth>
bool refine_less_equal(Bounds<kWidth>& a, Bounds<kWidth>& b) noexcept {
  a.umax = std::min(a.umax, b.umax);
  b.umin = std::max(b.umin, a.umin);
  return true;
}

template <unsigned kWidth>
bool refine_signed_less(Bounds<kWidth>& a, Bounds<kWidth>& b) noexcept {
  if (b.smax == b.kSignedMin || a.smin == b.kSignedMax) return false;
  a.smax = std::min(a.smax, b.smax - 1);
  b.smin = std::max(b.smin, a.smin + 1);
  return true;
}

template <unsigned kWidth>
bool refine_signed_less_equal(Bounds<kWidth>& a, Bounds<kWidth>& b) noexcept {
  a.smax = std::min(a.smax, b.smax);
  b.smin = std::max(b.smin, a.smin);
  return true;
}

template <unsigned kWidth>
bool refine_side(Cond cond, bool holds, Side<kWidth>& a, Side<kWidth>& b) noexcept {
  switch (cond) {
    case Cond::eq:
      return holds ? refine_equal(a, b) : refine_unequal(a, b);
    case Cond::ne:
      return holds ? refine_unequal(a, b) : refine_equal(a, b);
    case Cond::gt:
      return holds ? refine_less(b.bounds, a.bounds) : refine_less_equal(a.bounds, b.bounds);
    case Cond::ge:
      return holds ? refine_less_equal(b.bounds, a.bounds) : refine_less(a.bounds, b.bounds);
    case Cond::lt:
      return holds ? refine_less(a.bounds, b.bounds) : refine_less_equal(b.bounds, a.bounds);
    case Cond::le:
      return holds ? refine_less_equal(a.bounds, b.bounds) : refine_less(b.bounds, a.bounds);
    case Cond::sgt:
      return holds ? refine_signed_less(b.bounds, a.bounds) : refine_signed_less_equal(a.bounds, b.bounds);
    case Cond::sge:
      return holds ? refine_signed_less_equal(b.bounds, a.bounds) : refine_signed_less(a.bounds, b.bounds);
    case Cond::slt:
      return holds ? refine_signed_less(a.bounds, b.bounds) : refine_signed_less_equal(b.bounds, a.bounds);
    case Cond::sle:
      return holds ? refine_signed_less_equal(a.bounds, b.bounds) : refine_signed_less(b.bounds, a.bounds);
    case Cond::set:
      return refine_set(holds, a, b);
  }
  __builtin_unreachable();
}

/// A scalar with one side of it replaced, not in sync.
template <unsigned kBits>
[[nodiscard]] BasicScalar<kBits> with_side(const BasicScalar<kBits>& scalar, const Side<kBits>& side) noexcept {
  return {side.bits, side.bounds, scalar.half()};
}
template <unsigned kBits>
[[nodiscard]] BasicScalar<kBits> with_side(const BasicScalar<kBits>& scalar, const Side<kBits / 2>& side) noexcept {
  return {scalar.bits.with_subreg(side.bits), scalar.whole(), side.bounds};
}

template <unsigned kBits, unsigned kWidth>
bool refine_as(Cond cond, bool holds, BasicScalar<kBits>& a, BasicScalar<kBits>& b, Side<kWidth> x,
               Side<kWidth> y) noexcept {
  if (!refine_side(cond, holds, x, y)) return false;
  a = with_side(a, x);
  b = with_side(b, y);
  if (cond == Cond::set && !holds) {
    // Linux, since 6.17, forgets the bounds of a number whose bits were found clear, also where they say that it cannot
    // be.
    if (y.bits.is_constant()) {
      a = {a.bits, {}, {}};
    } else if (x.bits.is_constant()) {
      b = {b.bits, {}, {}};
    }
  }
  a.sync();
  b.sync();
  if (!a.is_consistent() || !b.is_consistent()) return false;
  return true;
}

template <unsigned kBits>
bool refine(Cond cond, bool holds, BasicScalar<kBits>& a, BasicScalar<kBits>& b, bool half) noexcept {
  using Half = Side<kBits / 2>;
  using Whole = Side<kBits>;
  const bool possible =
      half ? refine_as(cond, holds, a, b, Half{a.half(), a.bits.subreg()}, Half{b.half(), b.bits.subreg()})
           : refine_as(cond, holds, a, b, Whole{a.whole(), a.bits}, Whole{b.whole(), b.bits});
  if (!possible) return false;
  if (cond == (holds ? Cond::eq : Cond::ne)) return half || !are_disjoint(a.half(), b.half());
  return true;
}

}  // namespace skep::verifier
