// Known bits: the ideal small room. A tnum is the set of values that agree with `value` wherever `mask` is 0.
//
// Invariant: value & mask == 0, and neither has bits at or above kBits. Every operator's result contains what the
// machine computes from any two contained values; all but mul are the best a tnum can say. After Vishwanathan et al.,
// "Sound, Precise, and Fast Abstract Interpretation with Tristate Numbers" (CGO 2022).
#pragma once

#include <bit>
#include <cstdint>

namespace skep::verifier {

template <unsigned kBits>
struct BasicTnum {
  static constexpr std::uint64_t kAll = kBits == 64 ? ~std::uint64_t{0} : (std::uint64_t{1} << (kBits % 64)) - 1;

  std::uint64_t value = 0;
  std::uint64_t mask = 0;  ///< unknown bits

  [[nodiscard]] static constexpr BasicTnum unknown() noexcept { return {0, kAll}; }
  [[nodiscard]] static constexpr BasicTnum constant(std::uint64_t value) noexcept { return {value & kAll, 0}; }
  /// The smallest tnum that contains every value of [low, high].
  [[nodiscard]] static constexpr BasicTnum range(std::uint64_t low, std::uint64_t high) noexcept {
    const int moving = std::bit_width(low ^ high);
    if (moving == 64) return unknown();
    const std::uint64_t mask = (std::uint64_t{1} << moving) - 1;
    return {low & ~mask, mask};
  }

  [[nodiscard]] constexpr bool is_constant() const noexcept { return mask == 0; }
  [[nodiscard]] constexpr bool is_unknown() const noexcept { return mask == kAll; }
  [[nodiscard]] constexpr bool contains(std::uint64_t other) const noexcept { return (other & ~mask) == value; }
  [[nodiscard]] constexpr std::uint64_t min() const noexcept { return value; }
  [[nodiscard]] constexpr std::uint64_t max() const noexcept { return value | mask; }
  /// The smallest contained value that is not below `floor`, which is at most max().
  [[nodiscard]] constexpr std::uint64_t at_least(std::uint64_t floor) const noexcept {
    const std::uint64_t conflicts = (floor ^ value) & ~mask;
    if (conflicts == 0) return floor;
    const std::uint64_t conflict = std::bit_floor(conflicts);
    const std::uint64_t from_conflict = conflict | (conflict - 1);
    // A known one where floor has a zero is above already; otherwise the lowest unknown bit above makes the step.
    if ((value & conflict) != 0) return (floor & ~from_conflict) | (value & from_conflict);
    const std::uint64_t free = mask & ~floor & ~from_conflict;
    const std::uint64_t step = free & (0 - free);
    return (floor & ~(step | (step - 1))) | step | (value & (step - 1));
  }
  /// Whether all values contained here are contained in `wider`.
  [[nodiscard]] constexpr bool in(BasicTnum wider) const noexcept {
    return (mask & ~wider.mask) == 0 && (value & ~wider.mask) == wider.value;
  }
  /// Whether some value is contained in both.
  [[nodiscard]] constexpr bool overlaps(BasicTnum other) const noexcept {
    return ((value ^ other.value) & ~(mask | other.mask)) == 0;
  }

  /// The lowest `bytes` bytes, the rest zero.
  [[nodiscard]] constexpr BasicTnum cast(unsigned bytes) const noexcept { return low(bytes * 8); }
  /// The lowest `bits` bits (0 … kBits), the rest zero.
  [[nodiscard]] constexpr BasicTnum low(unsigned bits) const noexcept {
    if (bits >= kBits) return *this;
    const std::uint64_t kept = (std::uint64_t{1} << bits) - 1;
    return {value & kept, mask & kept};
  }
  /// The lower half as a tnum of its own width.
  [[nodiscard]] constexpr BasicTnum<kBits / 2> subreg() const noexcept {
    constexpr std::uint64_t kLow = BasicTnum<kBits / 2>::kAll;
    return {value & kLow, mask & kLow};
  }
  /// The same with another lower half.
  [[nodiscard]] constexpr BasicTnum with_subreg(BasicTnum<kBits / 2> half) const noexcept {
    constexpr std::uint64_t kLow = BasicTnum<kBits / 2>::kAll;
    return {(value & ~kLow) | half.value, (mask & ~kLow) | half.mask};
  }

  constexpr bool operator==(const BasicTnum&) const noexcept = default;
};

template <unsigned kBits>
[[nodiscard]] constexpr BasicTnum<kBits> add(BasicTnum<kBits> a, BasicTnum<kBits> b) noexcept {
  // The smallest and the largest sum differ exactly in the bits that carries out of unknown bits may reach.
  const std::uint64_t smallest = a.value + b.value;
  const std::uint64_t largest = smallest + a.mask + b.mask;
  const std::uint64_t mask = ((largest ^ smallest) | a.mask | b.mask) & a.kAll;
  return {smallest & ~mask & a.kAll, mask};
}

template <unsigned kBits>
[[nodiscard]] constexpr BasicTnum<kBits> sub(BasicTnum<kBits> a, BasicTnum<kBits> b) noexcept {
  const std::uint64_t difference = a.value - b.value;
  const std::uint64_t borrows = (difference + a.mask) ^ (difference - b.mask);
  const std::uint64_t mask = (borrows | a.mask | b.mask) & a.kAll;
  return {difference & ~mask & a.kAll, mask};
}

template <unsigned kBits>
[[nodiscard]] constexpr BasicTnum<kBits> neg(BasicTnum<kBits> a) noexcept {
  return sub(BasicTnum<kBits>::constant(0), a);
}

template <unsigned kBits>
[[nodiscard]] constexpr BasicTnum<kBits> and_(BasicTnum<kBits> a, BasicTnum<kBits> b) noexcept {
  const std::uint64_t value = a.value & b.value;
  return {value, a.max() & b.max() & ~value};
}

template <unsigned kBits>
[[nodiscard]] constexpr BasicTnum<kBits> or_(BasicTnum<kBits> a, BasicTnum<kBits> b) noexcept {
  const std::uint64_t value = a.value | b.value;
  return {value, (a.mask | b.mask) & ~value};
}

template <unsigned kBits>
[[nodiscard]] constexpr BasicTnum<kBits> xor_(BasicTnum<kBits> a, BasicTnum<kBits> b) noexcept {
  const std::uint64_t mask = a.mask | b.mask;
  return {(a.value ^ b.value) & ~mask, mask};
}

/// `count` < kBits, as for all three shifts.
template <unsigned kBits>
[[nodiscard]] constexpr BasicTnum<kBits> lsh(BasicTnum<kBits> a, unsigned count) noexcept {
  return {(a.value << count) & a.kAll, (a.mask << count) & a.kAll};
}

template <unsigned kBits>
[[nodiscard]] constexpr BasicTnum<kBits> rsh(BasicTnum<kBits> a, unsigned count) noexcept {
  return {a.value >> count, a.mask >> count};
}

/// Copies of the sign come in from the left; an unknown sign brings unknown bits.
template <unsigned kBits>
[[nodiscard]] constexpr BasicTnum<kBits> arsh(BasicTnum<kBits> a, unsigned count) noexcept {
  const auto shift = [count](std::uint64_t bits) {
    const auto at_top = static_cast<std::int64_t>(bits << (64 - kBits));
    return static_cast<std::uint64_t>(at_top >> count) >> (64 - kBits);
  };
  return {shift(a.value), shift(a.mask)};
}

/// The smallest tnum that contains both.
template <unsigned kBits>
[[nodiscard]] constexpr BasicTnum<kBits> union_(BasicTnum<kBits> a, BasicTnum<kBits> b) noexcept {
  const std::uint64_t mask = a.mask | b.mask | (a.value ^ b.value);
  return {a.value & ~mask, mask};
}

/// What both contain. Meaningless unless they overlap.
template <unsigned kBits>
[[nodiscard]] constexpr BasicTnum<kBits> intersect(BasicTnum<kBits> a, BasicTnum<kBits> b) noexcept {
  const std::uint64_t mask = a.mask & b.mask;
  return {(a.value | b.value) & ~mask, mask};
}

/// Long multiplication, two ways at once, since neither is always the better one. Linux 6.18: for each bit of `a` that
/// may be set, the sum so far with b's partial product, without it, or the union of both. Before, and as published:
/// unknown bits of the partial products are summed apart from the known ones.
template <unsigned kBits>
[[nodiscard]] constexpr BasicTnum<kBits> mul(BasicTnum<kBits> a, BasicTnum<kBits> b) noexcept {
  using Tnum = BasicTnum<kBits>;
  if (a.max() == 0 || b.max() == 0) return Tnum::constant(0);
  // All multiples of the other's lowest bit, which is also what the loop would find.
  if (a.is_unknown()) return lsh(a, static_cast<unsigned>(std::countr_zero(b.max())));
  if (b.is_unknown()) return lsh(b, static_cast<unsigned>(std::countr_zero(a.max())));
  const Tnum values = Tnum::constant(a.value * b.value);
  if (a.is_constant() && b.is_constant()) return values;
  Tnum sum = Tnum::constant(0);
  Tnum masks = Tnum::constant(0);
  while (a.max() != 0) {
    const auto skipped = static_cast<unsigned>(std::countr_zero(a.max()));
    a = rsh(a, skipped);
    b = lsh(b, skipped);
    const Tnum with = add(sum, b);
    const bool is_set = (a.value & 1) != 0;
    sum = is_set ? with : union_(sum, with);
    masks = add(masks, Tnum{0, is_set ? b.mask : b.max()});
    a = {a.value & ~std::uint64_t{1}, a.mask & ~std::uint64_t{1}};
  }
  return intersect(sum, add(values, masks));
}

}  // namespace skep::verifier
