// The machine that scalars abstract, at any width: what it computes and compares, in the plainest words, from RFC 9669.
//
// Shares nothing with src/verifier/domain but the names of the operators.
#pragma once

#include <array>
#include <cstdint>

#include "verifier/domain/scalar.hpp"

namespace skep::verifier::machine {

inline constexpr std::array kAlus{Alu::add,  Alu::sub, Alu::mul,  Alu::div, Alu::mod, Alu::sdiv, Alu::smod,
                                  Alu::and_, Alu::or_, Alu::xor_, Alu::lsh, Alu::rsh, Alu::arsh};
inline constexpr std::array kAluNames{"add", "sub", "mul", "div", "mod", "sdiv", "smod",
                                      "and", "or",  "xor", "lsh", "rsh", "arsh"};
inline constexpr std::array kConds{Cond::eq,  Cond::ne,  Cond::gt,  Cond::ge,  Cond::lt, Cond::le,
                                   Cond::sgt, Cond::sge, Cond::slt, Cond::sle, Cond::set};
inline constexpr std::array kCondNames{"eq", "ne", "gt", "ge", "lt", "le", "sgt", "sge", "slt", "sle", "set"};

[[nodiscard]] inline std::uint64_t low(std::uint64_t value, unsigned width) {
  return width == 64 ? value : value & ((std::uint64_t{1} << width) - 1);
}
[[nodiscard]] inline std::int64_t signed_of(std::uint64_t value, unsigned width) {
  const std::uint64_t sign = std::uint64_t{1} << (width - 1);
  return static_cast<std::int64_t>((low(value, width) ^ sign) - sign);
}

/// a op b on `width` bits, of which both operands are read and the result has no more.
[[nodiscard]] inline std::uint64_t compute(Alu op, std::uint64_t a, std::uint64_t b, unsigned width) {
  a = low(a, width);
  b = low(b, width);
  const std::int64_t x = signed_of(a, width), y = signed_of(b, width);
  const unsigned count = static_cast<unsigned>(b % width);
  const auto result = [&]() -> std::uint64_t {
    switch (op) {
      case Alu::add:
        return a + b;
      case Alu::sub:
        return a - b;
      case Alu::mul:
        return a * b;
      case Alu::div:
        return b == 0 ? 0 : a / b;
      case Alu::mod:
        return b == 0 ? a : a % b;
      case Alu::sdiv:
        return y == 0 ? 0 : y == -1 ? 0 - a : static_cast<std::uint64_t>(x / y);
      case Alu::smod:
        return y == 0 ? a : y == -1 ? 0 : static_cast<std::uint64_t>(x % y);
      case Alu::and_:
        return a & b;
      case Alu::or_:
        return a | b;
      case Alu::xor_:
        return a ^ b;
      case Alu::lsh:
        return a << count;
      case Alu::rsh:
        return a >> count;
      case Alu::arsh:
        return static_cast<std::uint64_t>(x >> count);
    }
    __builtin_unreachable();
  };
  return low(result(), width);
}

/// Whether `a cond b` holds on `width` bits.
[[nodiscard]] inline bool holds(Cond cond, std::uint64_t a, std::uint64_t b, unsigned width) {
  a = low(a, width);
  b = low(b, width);
  const std::int64_t x = signed_of(a, width), y = signed_of(b, width);
  switch (cond) {
    case Cond::eq:
      return a == b;
    case Cond::ne:
      return a != b;
    case Cond::gt:
      return a > b;
    case Cond::ge:
      return a >= b;
    case Cond::lt:
      return a < b;
    case Cond::le:
      return a <= b;
    case Cond::sgt:
      return x > y;
    case Cond::sge:
      return x >= y;
    case Cond::slt:
      return x < y;
    case Cond::sle:
      return x <= y;
    case Cond::set:
      return (a & b) != 0;
  }
  __builtin_unreachable();
}

/// Whether `value` fits all five descriptions.
template <unsigned kBits>
[[nodiscard]] bool contains(const BasicScalar<kBits>& scalar, std::uint64_t value) {
  const std::uint64_t half = low(value, kBits / 2);
  const std::int64_t whole_signed = signed_of(value, kBits), half_signed = signed_of(value, kBits / 2);
  return (value & ~scalar.bits.mask) == scalar.bits.value && scalar.umin <= value && value <= scalar.umax &&
         scalar.smin <= whole_signed && whole_signed <= scalar.smax && scalar.umin_half <= half &&
         half <= scalar.umax_half && scalar.smin_half <= half_signed && half_signed <= scalar.smax_half;
}

}  // namespace skep::verifier::machine
