// By the text of the standard, on numbers cut to their width first.
#include "soundness/arithmetic.hpp"

#include <cstdlib>

namespace skep::soundness {
namespace {

using enum isa::Operation;

/// Unsigned on the absolute values, then the sign.
std::uint64_t divide_signed(std::int64_t a, std::int64_t b, bool remainder) {
  const auto magnitude = [](std::int64_t v) {
    return v < 0 ? 0 - static_cast<std::uint64_t>(v) : static_cast<std::uint64_t>(v);
  };
  if (b == 0) return remainder ? static_cast<std::uint64_t>(a) : 0;
  const std::uint64_t result = remainder ? magnitude(a) % magnitude(b) : magnitude(a) / magnitude(b);
  const bool negative = remainder ? a < 0 : (a < 0) != (b < 0);
  return negative ? 0 - result : result;
}

std::uint64_t reverse_bytes(std::uint64_t value, unsigned bits) {
  std::uint64_t result = 0;
  for (unsigned at = 0; at < bits; at += 8) result = result << 8 | (value >> at & 0xff);
  return result;
}

}  // namespace

std::uint64_t cut(std::uint64_t value, unsigned bits) {
  return bits == 64 ? value : value & ((std::uint64_t{1} << bits) - 1);
}

std::int64_t cut_signed(std::uint64_t value, unsigned bits) {
  const std::uint64_t low = cut(value, bits);
  const bool negative = (low >> (bits - 1) & 1) != 0;
  return static_cast<std::int64_t>(negative && bits < 64 ? low - (std::uint64_t{1} << bits) : low);
}

std::uint64_t compute(isa::Operation operation, unsigned width, std::uint64_t a, std::uint64_t b) {
  const std::uint64_t x = cut(a, width), y = cut(b, width);
  const std::int64_t sx = cut_signed(a, width), sy = cut_signed(b, width);
  const unsigned count = static_cast<unsigned>(y % width);
  switch (operation) {
    case add_:
      return cut(x + y, width);
    case sub_:
      return cut(x - y, width);
    case mul_:
      return cut(x * y, width);
    case div_:
      return y == 0 ? 0 : x / y;
    case mod_:
      return y == 0 ? x : x % y;
    case sdiv_:
      return cut(divide_signed(sx, sy, false), width);
    case smod_:
      return cut(divide_signed(sx, sy, true), width);
    case or_:
      return x | y;
    case and_:
      return x & y;
    case xor_:
      return x ^ y;
    case lsh_:
      return cut(x << count, width);
    case rsh_:
      return x >> count;
    case arsh_:
      return cut(static_cast<std::uint64_t>(sx >> count), width);
    case neg_:
      return cut(0 - x, width);
    case mov_:
      return y;
    case le_:
      return cut(a, static_cast<unsigned>(b));
    case be_:
    case bswap_:
      return reverse_bytes(a, static_cast<unsigned>(b));
    default:
      std::abort();  // no arithmetic
  }
}

bool jumps(isa::Operation operation, unsigned width, std::uint64_t a, std::uint64_t b) {
  const std::uint64_t x = cut(a, width), y = cut(b, width);
  const std::int64_t sx = cut_signed(a, width), sy = cut_signed(b, width);
  switch (operation) {
    case jeq_:
      return x == y;
    case jne_:
      return x != y;
    case jset_:
      return (x & y) != 0;
    case jgt_:
      return x > y;
    case jge_:
      return x >= y;
    case jlt_:
      return x < y;
    case jle_:
      return x <= y;
    case jsgt_:
      return sx > sy;
    case jsge_:
      return sx >= sy;
    case jslt_:
      return sx < sy;
    case jsle_:
      return sx <= sy;
    default:
      std::abort();  // no condition
  }
}

std::uint64_t exchange(isa::Operation operation, std::uint64_t old, std::uint64_t operand, std::uint64_t expected) {
  switch (operation) {
    case atomic_add_:
    case atomic_fetch_add_:
      return old + operand;
    case atomic_or_:
    case atomic_fetch_or_:
      return old | operand;
    case atomic_and_:
    case atomic_fetch_and_:
      return old & operand;
    case atomic_xor_:
    case atomic_fetch_xor_:
      return old ^ operand;
    case atomic_xchg_:
      return operand;
    case atomic_cmpxchg_:
      return old == expected ? operand : old;
    default:
      std::abort();  // not atomic
  }
}

}  // namespace skep::soundness
