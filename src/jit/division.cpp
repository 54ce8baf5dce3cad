// Multipliers and shifts. All arithmetic is exact: of twice the width.
#include "jit/division.hpp"

#include <bit>

namespace skep::jit {
namespace {

using isa::Operation;
using How = Division::How;
using Wide = unsigned __int128;

/// `d` is no power of two and less than 2^width.
void invert(Division& plan, std::uint64_t d, unsigned width) noexcept {
  plan.shift = static_cast<unsigned>(std::bit_width(d)) - 1;
  const Wide power = Wide{1} << (width + plan.shift);
  const auto quotient = static_cast<std::uint64_t>(power / d);
  const auto rest = static_cast<std::uint64_t>(power % d);
  plan.adds = d - rest > std::uint64_t{1} << plan.shift;
  plan.multiplier = quotient + 1;
  if (!plan.adds) return;
  const bool carries = Wide{rest} * 2 >= d;
  const std::uint64_t multiplier = 2 * quotient + (carries ? 1 : 0) + 1;
  plan.multiplier = width == 64 ? multiplier : static_cast<std::uint32_t>(multiplier);
}

/// `d` is the divisor's magnitude, no power of two and less than 2^31. The smallest dividend has a greater magnitude
/// than all others: for it, what is enough above the power is too much.
void invert_signed(Division& plan, std::uint64_t d, unsigned width) noexcept {
  const auto bits = static_cast<unsigned>(std::bit_width(d));
  plan.shift = bits - 2;
  const Wide power = Wide{1} << (width + plan.shift);
  plan.adds = d - static_cast<std::uint64_t>(power % d) >= std::uint64_t{1} << (bits - 1);
  if (plan.adds) ++plan.shift;
  plan.multiplier = static_cast<std::uint64_t>((plan.adds ? 2 * power : power) / d) + 1;
  if (plan.is_negative) plan.multiplier = 0 - plan.multiplier;
}

}  // namespace

Division plan_division(const lower::Shape& shape, std::int64_t imm) noexcept {
  const Operation operation = shape.operation;
  const unsigned width = shape.width;
  const bool is_signed = operation == Operation::sdiv_ || operation == Operation::smod_;
  const std::int64_t by = static_cast<std::int32_t>(imm);
  Division plan;
  plan.is_modulo = operation == Operation::mod_ || operation == Operation::smod_;
  plan.divisor = width == 64 ? static_cast<std::uint64_t>(by) : static_cast<std::uint32_t>(by);
  plan.is_negative = is_signed && by < 0;
  if (by == 0) {
    plan.how = plan.is_modulo ? How::copy : How::zero;
    return plan;
  }
  if (by == 1 || (is_signed && by == -1)) {
    plan.how = plan.is_modulo ? How::zero : by == 1 ? How::copy : How::negate;
    return plan;
  }
  const std::uint64_t magnitude = plan.is_negative ? 0 - static_cast<std::uint64_t>(by) : plan.divisor;
  if (std::has_single_bit(magnitude)) {
    plan.shift = static_cast<unsigned>(std::countr_zero(magnitude));
    plan.how = is_signed ? How::signed_power : plan.is_modulo ? How::mask : How::shift;
  } else if (is_signed) {
    plan.how = How::signed_product;
    invert_signed(plan, magnitude, width);
  } else {
    plan.how = How::product;
    invert(plan, magnitude, width);
  }
  return plan;
}

}  // namespace skep::jit
