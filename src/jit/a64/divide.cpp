// Divisions. The processor's own, as BPF's, give 0 for a divisor of 0 and the dividend for the smallest number divided
// by -1; by a constant none is needed, but the high half of a product (jit/division.hpp).
#include "jit/a64/emitter.hpp"

namespace skep::jit::a64 {

using isa::Operation;
namespace by = asmjit::arm;  // how a second operand is shifted

void A64Emitter::divide(const At& at, unsigned from, const arm::GpX& divisor_register) {
  const Operation operation = at.shape.operation;
  const bool is_signed = operation == Operation::sdiv_ || operation == Operation::smod_;
  const bool is_modulo = operation == Operation::mod_ || operation == Operation::smod_;
  const unsigned width = at.shape.width;
  const arm::Gp dst = sized(reg(at.op.dst), width);
  const arm::Gp first = sized(reg(from), width);
  const arm::Gp divisor = sized(divisor_register, width);
  const arm::Gp quotient = is_modulo ? sized(kTemp, width) : dst;
  if (is_signed)
    a_.sdiv(quotient, first, divisor);
  else
    a_.udiv(quotient, first, divisor);
  if (is_modulo) a_.msub(dst, quotient, divisor, first);
}

void A64Emitter::divide_by_constant(const At& at, unsigned from) {
  using How = Division::How;
  const unsigned width = at.shape.width;
  const arm::Gp dst = sized(reg(at.op.dst), width);
  const arm::Gp first = sized(reg(from), width);
  const Division plan = plan_division(at.shape, at.op.imm);
  const arm::Gp quotient = plan.is_modulo ? sized(kTemp, width) : dst;
  switch (plan.how) {
    case How::zero:
      move_constant(reg(at.op.dst), 0);
      return;
    case How::copy:
      if (width == 32 || dst != first) a_.mov(dst, first);
      return;
    case How::negate:
      a_.neg(dst, first);
      return;
    case How::shift:
      a_.lsr(dst, first, plan.shift);
      return;
    case How::mask:
      a_.and_(dst, first, plan.divisor - 1);
      return;
    case How::signed_power:
      divide_by_power(dst, first, plan);
      return;
    case How::product:
      multiply_high(quotient, first, plan);
      break;
    case How::signed_product:
      multiply_high_signed(quotient, first, plan);
      break;
  }
  if (!plan.is_modulo) return;
  move_constant(kTemp2, plan.divisor);
  a_.msub(dst, quotient, sized(kTemp2, width), first);
}

/// Rounded towards 0: what is negative gets divisor - 1 before it is shifted.
void A64Emitter::divide_by_power(const arm::Gp& dst, const arm::Gp& first, const Division& plan) {
  const unsigned width = dst.isGpX() ? 64 : 32;
  const arm::Gp sum = sized(kTemp, width);
  if (plan.shift > 1) a_.asr(sum, first, width - 1);
  a_.add(sum, first, plan.shift > 1 ? sum : first, by::lsr(width - plan.shift));
  if (plan.is_modulo) {
    const std::uint64_t ones = width == 64 ? ~std::uint64_t{0} : UINT32_MAX;
    a_.and_(sum, sum, ones << plan.shift & ones);
    a_.sub(dst, first, sum);
  } else if (plan.is_negative) {
    a_.sub(dst, zero(width), sum, by::asr(plan.shift));
  } else {
    a_.asr(dst, sum, plan.shift);
  }
}

/// Writes the quotient last of all. It may be in `first`'s register, or in kTemp.
void A64Emitter::multiply_high(const arm::Gp& quotient, const arm::Gp& first, const Division& plan) {
  const unsigned width = quotient.isGpX() ? 64 : 32;
  const arm::Gp high = sized(kTemp, width);
  const arm::Gp rest = sized(kTemp2, width);
  move_constant(kTemp2, plan.multiplier);
  if (width == 64)
    a_.umulh(kTemp, first, kTemp2);
  else
    a_.umull(kTemp, first, kTemp2.w());
  if (!plan.adds) {
    a_.lsr(quotient.x(), kTemp, 64 - width + plan.shift);
    return;
  }
  if (width == 32) a_.lsr(kTemp, kTemp, 32);
  a_.sub(rest, first, high);
  a_.add(high, high, rest, by::lsr(1));
  a_.lsr(quotient, high, plan.shift);
}

/// Writes the quotient last of all. It may be in `first`'s register, or in kTemp.
void A64Emitter::multiply_high_signed(const arm::Gp& quotient, const arm::Gp& first, const Division& plan) {
  const unsigned width = quotient.isGpX() ? 64 : 32;
  const arm::Gp rounded = sized(kTemp, width);
  move_constant(kTemp2, plan.multiplier);
  if (width == 64) {
    a_.smulh(kTemp, first, kTemp2);
    if (plan.adds && plan.is_negative) a_.sub(kTemp, kTemp, first);
    if (plan.adds && !plan.is_negative) a_.add(kTemp, kTemp, first);
    if (plan.shift != 0) a_.asr(kTemp, kTemp, plan.shift);
  } else {
    if (plan.adds) {
      a_.sxtw(kTemp, first);
      a_.mul(kTemp, kTemp, kTemp2);
    } else {
      a_.smull(kTemp, first, kTemp2.w());
    }
    a_.asr(kTemp, kTemp, 32 + plan.shift);
  }
  a_.add(quotient, rounded, rounded, by::lsr(width - 1));
}

}  // namespace skep::jit::a64
