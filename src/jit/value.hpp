// What a register of the program holds when no code has been emitted for it yet.
//
// A Value says how to compute it from machine registers that hold what they say. The tuner keeps one for every register
// and makes code of it when somebody needs the register, or never.
#pragma once

#include <cstdint>
#include <optional>

#include "jit/flow.hpp"

namespace skep::jit {

inline constexpr std::uint8_t kNoRegister = 255;

/// base + (index << scale) + off; without a base or an index that part is 0. As an address it is what processors add
/// up.
struct Sum {
  bool operator==(const Sum&) const = default;

  std::uint8_t base = kNoRegister;
  std::uint8_t index = kNoRegister;
  std::uint8_t scale = 0;  ///< 0 to 3; 0 without an index
  std::int32_t off = 0;

  [[nodiscard]] bool is_register() const noexcept { return index == kNoRegister && off == 0 && base != kNoRegister; }
};

struct Value {
  enum class Kind : std::uint8_t {
    own,       ///< it lies in its own machine register
    constant,  ///< number
    sum,       ///< sum; of 64 bits and of a register alone, a copy
    left,      ///< sum.base << number
    right,     ///< sum.base >> number, unsigned
    rotate,    ///< sum.base turned left by number
    mask,      ///< sum.base & number
    sign,      ///< the low `number` bits of sum.base, sign-extended
  };
  bool operator==(const Value&) const = default;

  Kind kind = Kind::own;
  std::uint8_t width = 64;  ///< 32: what is computed is cut to 32 bits, the upper half is 0
  Sum sum;
  std::uint64_t number = 0;

  [[nodiscard]] RegSet uses() const noexcept {
    constexpr unsigned kBits = 31;  // where kNoRegister is a bit that no RegSet has
    return static_cast<RegSet>(1u << (sum.base & kBits) | 1u << (sum.index & kBits));
  }
};

[[nodiscard]] inline Value copy_of(unsigned reg, std::uint8_t width = 64) noexcept {
  Value value{Value::Kind::sum, width, {}, 0};
  value.sum.base = static_cast<std::uint8_t>(reg);
  return value;
}

/// The low `width` bits of a number.
[[nodiscard]] constexpr std::uint64_t cut(std::uint64_t value, unsigned width) noexcept {
  return width == 64 ? value : value & (~std::uint64_t{0} >> (64 - width));
}

/// A number as an operation of `width` bits spells its immediate.
[[nodiscard]] constexpr std::uint64_t signed_immediate(std::uint64_t value, unsigned width) noexcept {
  return width == 64 ? value : static_cast<std::uint64_t>(std::int64_t{static_cast<std::int32_t>(value)});
}

/// An op that no program has, for backends to emit; what it is says a shape.
[[nodiscard]] inline lower::Op op_of(unsigned dst, unsigned src, std::uint64_t imm) noexcept {
  lower::Op op;
  op.dst = static_cast<std::uint8_t>(dst);
  op.src = static_cast<std::uint8_t>(src);
  op.imm = static_cast<std::int64_t>(imm);
  return op;
}

/// The sum of two; nothing where it has more than two registers, two scales, or too large an offset.
[[nodiscard]] std::optional<Sum> add(const Sum& a, const Sum& b) noexcept;

}  // namespace skep::jit
