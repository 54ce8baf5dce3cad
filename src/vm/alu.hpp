// What every ALU operation and comparison computes, once for all engines and tests (RFC 9669 sections 4.1 to 4.3).
//
// 32-bit operations yield a zero-extended result. Shifts are masked to the width. Division by zero gives 0, modulo by
// zero the dividend; the smallest number divided by -1 gives itself, modulo -1 gives 0. Pure functions.
#pragma once

#include <bit>
#include <cstdint>
#include <limits>
#include <type_traits>

#include "isa/table.hpp"

namespace skep::vm {

/// Width in bits of an ALU or jump opcode's class.
constexpr unsigned class_width(unsigned opcode) noexcept {
  const unsigned cls = opcode & 7;
  return cls == 0x07 || cls == 0x05 ? 64 : 32;
}

template <class S>
constexpr S signed_divide(S a, S b) noexcept {
  if (b == 0) return 0;
  return b == -1 ? static_cast<S>(-static_cast<std::make_unsigned_t<S>>(a)) : static_cast<S>(a / b);
}

template <class S>
constexpr S signed_modulo(S a, S b) noexcept {
  if (b == 0) return a;
  return b == -1 ? 0 : static_cast<S>(a % b);
}

/// dst OP src at a width of 32 or 64 bits.
template <isa::Operation kOp, unsigned kWidth>
constexpr std::uint64_t alu(std::uint64_t dst, std::uint64_t src) noexcept {
  using U = std::conditional_t<kWidth == 64, std::uint64_t, std::uint32_t>;
  using S = std::make_signed_t<U>;
  using enum isa::Operation;
  const auto a = static_cast<U>(dst);
  const auto b = static_cast<U>(src);
  const auto shift = static_cast<unsigned>(b & (kWidth - 1));
  if constexpr (kOp == add_)
    return static_cast<U>(a + b);
  else if constexpr (kOp == sub_)
    return static_cast<U>(a - b);
  else if constexpr (kOp == mul_)
    return static_cast<U>(a * b);
  else if constexpr (kOp == div_)
    return b == 0 ? U{0} : static_cast<U>(a / b);
  else if constexpr (kOp == mod_)
    return b == 0 ? a : static_cast<U>(a % b);
  else if constexpr (kOp == sdiv_)
    return static_cast<U>(signed_divide<S>(static_cast<S>(a), static_cast<S>(b)));
  else if constexpr (kOp == smod_)
    return static_cast<U>(signed_modulo<S>(static_cast<S>(a), static_cast<S>(b)));
  else if constexpr (kOp == or_)
    return a | b;
  else if constexpr (kOp == and_)
    return a & b;
  else if constexpr (kOp == xor_)
    return a ^ b;
  else if constexpr (kOp == lsh_)
    return static_cast<U>(a << shift);
  else if constexpr (kOp == rsh_)
    return static_cast<U>(a >> shift);
  else if constexpr (kOp == arsh_)
    return static_cast<U>(static_cast<S>(a) >> shift);
  else if constexpr (kOp == mov_)
    return b;
  else
    static_assert(kOp == add_, "no such two-operand operation");
}

template <unsigned kWidth>
constexpr std::uint64_t negate(std::uint64_t value) noexcept {
  return kWidth == 64 ? 0 - value : static_cast<std::uint32_t>(0 - value);
}

/// Sign-extends the low kBits of `value` to kWidth bits (movsx).
template <unsigned kBits, unsigned kWidth>
constexpr std::uint64_t sign_extend(std::uint64_t value) noexcept {
  const auto wide = static_cast<std::int64_t>(value << (64 - kBits)) >> (64 - kBits);
  return kWidth == 64 ? static_cast<std::uint64_t>(wide) : static_cast<std::uint32_t>(wide);
}

/// le, be and bswap of the low kBits; the rest becomes zero.
template <isa::Operation kOp, unsigned kBits>
constexpr std::uint64_t byte_order(std::uint64_t value) noexcept {
  using U =
      std::conditional_t<kBits == 64, std::uint64_t, std::conditional_t<kBits == 32, std::uint32_t, std::uint16_t>>;
  const auto low = static_cast<U>(value);
  const bool big_host = std::endian::native == std::endian::big;
  const bool swap = kOp == isa::Operation::bswap_ || (kOp == isa::Operation::be_) != big_host;
  if (!swap) return low;
  if constexpr (kBits == 16)
    return __builtin_bswap16(low);
  else if constexpr (kBits == 32)
    return __builtin_bswap32(low);
  else
    return __builtin_bswap64(low);
}

/// Whether a conditional jump is taken.
template <isa::Operation kOp, unsigned kWidth>
constexpr bool jump_taken(std::uint64_t dst, std::uint64_t src) noexcept {
  using U = std::conditional_t<kWidth == 64, std::uint64_t, std::uint32_t>;
  using S = std::make_signed_t<U>;
  using enum isa::Operation;
  const auto a = static_cast<U>(dst);
  const auto b = static_cast<U>(src);
  const auto sa = static_cast<S>(a);
  const auto sb = static_cast<S>(b);
  if constexpr (kOp == jeq_)
    return a == b;
  else if constexpr (kOp == jne_)
    return a != b;
  else if constexpr (kOp == jset_)
    return (a & b) != 0;
  else if constexpr (kOp == jgt_)
    return a > b;
  else if constexpr (kOp == jge_)
    return a >= b;
  else if constexpr (kOp == jlt_)
    return a < b;
  else if constexpr (kOp == jle_)
    return a <= b;
  else if constexpr (kOp == jsgt_)
    return sa > sb;
  else if constexpr (kOp == jsge_)
    return sa >= sb;
  else if constexpr (kOp == jslt_)
    return sa < sb;
  else if constexpr (kOp == jsle_)
    return sa <= sb;
  else
    static_assert(kOp == jeq_, "no such comparison");
}

}  // namespace skep::vm
