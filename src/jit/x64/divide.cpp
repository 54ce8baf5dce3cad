// Divisions. The processor's own need rax and rdx, and trap where BPF's do not; by a constant none is needed, but as
// high half of a product (jit/division.hpp). Scratch registers take what is on the way.
#include "jit/x64/emitter.hpp"

namespace skep::jit::x64 {

using isa::Operation;

/// rdx:rax is the dividend and takes both results; rax and rdx are kept unless the result goes there. Whether the
/// divisor is 0 is not asked where that is proven.
void X64Emitter::divide(const At& at, const x86::Gp& from) {
  const Operation operation = at.shape.operation;
  const bool is_signed = operation == Operation::sdiv_ || operation == Operation::smod_;
  const bool is_modulo = operation == Operation::mod_ || operation == Operation::smod_;
  const unsigned width = at.shape.width;
  const x86::Gp dst = reg(at.op.dst);
  const bool may_be_zero = at.op.imm == 0;
  const bool in_the_way = from == x86::rax || from == x86::rdx;
  const x86::Gp divisor = sized(in_the_way ? kTemp2 : from, width);
  const x86::Gp low = sized(x86::rax, width);
  const x86::Gp high = sized(x86::rdx, width);
  const asmjit::Label by_zero = a_.newLabel();
  const asmjit::Label by_minus_one = a_.newLabel();
  const asmjit::Label done = a_.newLabel();
  if (in_the_way) a_.mov(divisor, sized(from, width));
  if (may_be_zero) {
    a_.test(divisor, divisor);
    a_.short_().jz(by_zero);
  }
  // The smallest number divided by -1 would trap.
  if (is_signed) {
    a_.cmp(divisor, -1);
    a_.short_().je(by_minus_one);
  }
  if (dst != x86::rdx) a_.mov(kTemp, x86::rdx);
  if (dst != x86::rax) {
    a_.mov(kAddress, x86::rax);
    a_.mov(low, sized(dst, width));
  }
  if (is_signed) {
    if (width == 64)
      a_.cqo();
    else
      a_.cdq();
    a_.idiv(high, low, divisor);
  } else {
    a_.xor_(x86::edx, x86::edx);
    a_.div(high, low, divisor);
  }
  const x86::Gp& result = is_modulo ? high : low;
  if (sized(dst, width) != result) a_.mov(sized(dst, width), result);
  if (dst != x86::rdx) a_.mov(x86::rdx, kTemp);
  if (dst != x86::rax) a_.mov(x86::rax, kAddress);
  if (is_signed || may_be_zero) a_.short_().jmp(done);

  if (is_signed) {
    a_.bind(by_minus_one);
    if (is_modulo)
      a_.xor_(dst.r32(), dst.r32());
    else
      a_.neg(sized(dst, width));
    if (may_be_zero) a_.short_().jmp(done);
  }
  if (may_be_zero) {
    a_.bind(by_zero);
    if (!is_modulo)
      a_.xor_(dst.r32(), dst.r32());
    else if (width == 32)
      a_.mov(dst.r32(), dst.r32());
  }
  a_.bind(done);
}

void X64Emitter::divide_by_constant(const At& at) {
  using How = Division::How;
  const unsigned width = at.shape.width;
  const x86::Gp dst = sized(reg(at.op.dst), width);
  const Division plan = plan_division(at.shape, at.op.imm);
  switch (plan.how) {
    case How::zero:
      move_constant(reg(at.op.dst), 0);
      return;
    case How::copy:
      if (width == 32) a_.mov(dst, dst);
      return;
    case How::negate:
      a_.neg(dst);
      return;
    case How::shift:
      a_.shr(dst, plan.shift);
      return;
    case How::mask:
      a_.and_(dst, static_cast<std::int32_t>(plan.divisor - 1));
      return;
    case How::signed_power:
      divide_by_power(dst, plan);
      return;
    case How::product:
      multiply_high(dst, plan);
      break;
    case How::signed_product:
      multiply_high_signed(dst, plan);
      break;
  }
  const x86::Gp quotient = sized(kTemp2, width);
  if (!plan.is_modulo) {
    a_.mov(dst, quotient);
    return;
  }
  a_.imul(quotient, quotient, static_cast<std::int32_t>(plan.divisor));
  a_.sub(dst, quotient);
}

/// Rounded towards 0: what is negative gets divisor - 1 before it is shifted.
void X64Emitter::divide_by_power(const x86::Gp& dst, const Division& plan) {
  const unsigned width = dst.size() * 8;
  const x86::Gp sum = sized(kTemp, width);
  a_.mov(sum, dst);
  if (plan.shift > 1) a_.sar(sum, width - 1);
  a_.shr(sum, width - plan.shift);
  a_.add(sum, dst);
  if (plan.is_modulo) {
    a_.and_(sum, static_cast<std::int32_t>(~std::uint32_t{0} << plan.shift));
    a_.sub(dst, sum);
    return;
  }
  a_.sar(sum, plan.shift);
  if (plan.is_negative) a_.neg(sum);
  a_.mov(dst, sum);
}

/// kTemp2 = the upper half of a product of 128 bits.
void X64Emitter::multiply_wide(const x86::Gp& factor, std::uint64_t multiplier, bool is_signed) {
  const bool in_rdx = factor == x86::rdx;
  if (is_signed || !has_bmi2_) {
    a_.mov(kTemp, x86::rdx);
    a_.mov(kAddress, x86::rax);
    a_.mov(kTemp2, multiplier);
    if (factor != x86::rax) a_.mov(x86::rax, factor);
    if (is_signed)
      a_.imul(x86::rdx, x86::rax, kTemp2);
    else
      a_.mul(x86::rdx, x86::rax, kTemp2);
    a_.mov(kTemp2, x86::rdx);
    a_.mov(x86::rdx, kTemp);
    a_.mov(x86::rax, kAddress);
    return;
  }
  // mulx takes one factor from rdx.
  if (!in_rdx) a_.mov(kAddress, x86::rdx);
  const x86::Gp other = in_rdx ? kTemp : x86::rdx;
  a_.mov(other, multiplier);
  a_.mulx(kTemp2, kTemp, in_rdx ? kTemp : factor);
  if (!in_rdx) a_.mov(x86::rdx, kAddress);
}

/// The quotient, to kTemp2.
void X64Emitter::multiply_high(const x86::Gp& dst, const Division& by) {
  const unsigned width = dst.size() * 8;
  const x86::Gp high = sized(kTemp2, width);
  const x86::Gp rest = sized(kTemp, width);
  if (width == 32) {
    a_.mov(kTemp.r32(), dst);
    a_.mov(kTemp2.r32(), static_cast<std::uint32_t>(by.multiplier));
    a_.imul(kTemp2, kTemp);
    a_.shr(kTemp2, by.adds ? 32 : 32 + by.shift);
  } else {
    multiply_wide(dst, by.multiplier, false);
    if (by.adds) a_.mov(kTemp, dst);
    if (!by.adds) a_.shr(kTemp2, by.shift);
  }
  if (!by.adds) return;
  a_.sub(rest, high);
  a_.shr(rest, 1);
  a_.add(high, rest);
  a_.shr(high, by.shift);
}

/// The quotient, to kTemp2.
void X64Emitter::multiply_high_signed(const x86::Gp& dst, const Division& by) {
  const unsigned width = dst.size() * 8;
  const x86::Gp quotient = sized(kTemp2, width);
  const x86::Gp negative = sized(kTemp, width);
  if (width == 32) {
    a_.movsxd(kTemp2, dst);
    if (!by.adds) {
      a_.imul(kTemp2, kTemp2, static_cast<std::int32_t>(by.multiplier));
    } else {
      move_constant(kTemp, by.multiplier);
      a_.imul(kTemp2, kTemp);
    }
    a_.sar(kTemp2, 32 + by.shift);
  } else {
    multiply_wide(dst, by.multiplier, true);
    if (by.adds && by.is_negative) a_.sub(kTemp2, dst);
    if (by.adds && !by.is_negative) a_.add(kTemp2, dst);
    if (by.shift != 0) a_.sar(kTemp2, by.shift);
  }
  a_.mov(negative, quotient);
  a_.shr(negative, width - 1);
  a_.add(quotient, negative);
}

}  // namespace skep::jit::x64
