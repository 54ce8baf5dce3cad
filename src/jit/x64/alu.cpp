// Arithmetic. 32-bit operations of the processor clear the upper half of what they write, as BPF's do.
#include <bit>
#include <limits>

#include "jit/x64/emitter.hpp"

namespace skep::jit::x64 {

using isa::Operation;

void X64Emitter::move_constant(const x86::Gp& dst, std::uint64_t value) {
  if (value == 0)
    a_.xor_(dst.r32(), dst.r32());
  else if (value <= UINT32_MAX)
    a_.mov(dst.r32(), static_cast<std::uint32_t>(value));
  else
    a_.mov(dst, value);
}

void X64Emitter::constant(const At& at) { move_constant(reg(at.op.dst), static_cast<std::uint64_t>(at.op.imm)); }

/// Needs kTemp for halves of 64 bits.
void X64Emitter::unite(unsigned into, const Halves& halves) {
  const x86::Gp& dst = reg(into);
  const auto second = static_cast<std::int64_t>(halves.second);
  move_constant(dst, halves.first);
  if (halves.first <= UINT32_MAX && halves.second <= UINT32_MAX) {
    a_.xor_(dst.r32(), static_cast<std::int32_t>(second));
  } else if (second == static_cast<std::int32_t>(second)) {
    a_.xor_(dst, second);
  } else {
    move_constant(kTemp, halves.second);
    a_.xor_(dst, kTemp);
  }
}

void X64Emitter::alu_imm(const At& at) {
  const unsigned width = at.shape.width;
  const x86::Gp dst = sized(reg(at.op.dst), width);
  const auto imm = static_cast<std::int32_t>(at.op.imm);
  const unsigned shift = static_cast<unsigned>(imm) & (width - 1);
  switch (at.shape.operation) {
    case Operation::add_:
      a_.add(dst, imm);
      return;
    case Operation::sub_:
      a_.sub(dst, imm);
      return;
    case Operation::mul_:
      a_.imul(dst, dst, imm);
      return;
    case Operation::or_:
      a_.or_(dst, imm);
      return;
    case Operation::and_:
      a_.and_(dst, imm);
      return;
    case Operation::xor_:
      a_.xor_(dst, imm);
      return;
    case Operation::lsh_:
      a_.shl(dst, shift);
      if (shift == 0 && width == 32) a_.mov(dst, dst);
      return;
    case Operation::rsh_:
      a_.shr(dst, shift);
      if (shift == 0 && width == 32) a_.mov(dst, dst);
      return;
    case Operation::arsh_:
      a_.sar(dst, shift);
      if (shift == 0 && width == 32) a_.mov(dst, dst);
      return;
    case Operation::mov_:
      move_constant(reg(at.op.dst),
                    width == 64 ? static_cast<std::uint64_t>(std::int64_t{imm}) : static_cast<std::uint32_t>(imm));
      return;
    default:  // the rest of the table's dst_imm rows divides
      divide_by_constant(at);
      return;
  }
}

void X64Emitter::alu_reg(const At& at) {
  const unsigned width = at.shape.width;
  const x86::Gp dst = sized(reg(at.op.dst), width);
  const x86::Gp src = sized(reg(at.op.src), width);
  switch (at.shape.operation) {
    case Operation::add_:
      a_.add(dst, src);
      return;
    case Operation::sub_:
      a_.sub(dst, src);
      return;
    case Operation::mul_:
      a_.imul(dst, src);
      return;
    case Operation::or_:
      a_.or_(dst, src);
      return;
    case Operation::and_:
      a_.and_(dst, src);
      return;
    case Operation::xor_:
      a_.xor_(dst, src);
      return;
    case Operation::mov_:
      if (width == 32 || at.op.dst != at.op.src) a_.mov(dst, src);
      return;
    case Operation::movsx_:
      if (at.shape.fixed == 8)
        a_.movsx(dst, src.r8());
      else if (at.shape.fixed == 16)
        a_.movsx(dst, src.r16());
      else
        a_.movsxd(dst, src.r32());
      return;
    case Operation::lsh_:
    case Operation::rsh_:
    case Operation::arsh_:
      shift_by_register(at);
      return;
    default:  // the rest of the table's dst_src rows divides
      divide(at, reg(at.op.src), false);
      return;
  }
}

void X64Emitter::shift_by_register(const At& at) {
  const unsigned width = at.shape.width;
  const x86::Gp dst = sized(reg(at.op.dst), width);
  const x86::Gp count = sized(reg(at.op.src), width);
  const Operation operation = at.shape.operation;
  if (has_bmi2_) {
    if (operation == Operation::lsh_) a_.shlx(dst, dst, count);
    if (operation == Operation::rsh_) a_.shrx(dst, dst, count);
    if (operation == Operation::arsh_) a_.sarx(dst, dst, count);
    return;
  }
  // Only cl can hold the count; what is in rcx is kept, or is what is shifted.
  const bool shifts_rcx = reg(at.op.dst) == x86::rcx;
  const x86::Gp value = shifts_rcx ? sized(kTemp2, width) : dst;
  if (shifts_rcx) a_.mov(kTemp2, x86::rcx);
  if (reg(at.op.src) != x86::rcx) {
    if (!shifts_rcx) a_.mov(kTemp, x86::rcx);
    a_.mov(x86::ecx, count.r32());
  }
  if (operation == Operation::lsh_) a_.shl(value, x86::cl);
  if (operation == Operation::rsh_) a_.shr(value, x86::cl);
  if (operation == Operation::arsh_) a_.sar(value, x86::cl);
  if (shifts_rcx)
    a_.mov(x86::rcx, kTemp2);
  else if (reg(at.op.src) != x86::rcx)
    a_.mov(x86::rcx, kTemp);
}

void X64Emitter::unary(const At& at) {
  const x86::Gp& dst = reg(at.op.dst);
  switch (at.shape.operation) {
    case Operation::neg_:
      a_.neg(sized(dst, at.shape.width));
      return;
    case Operation::le_:
      if (at.shape.fixed == 16) a_.movzx(dst.r32(), dst.r16());
      if (at.shape.fixed == 32) a_.mov(dst.r32(), dst.r32());
      return;
    default:  // be and bswap: the processor is little-endian
      if (at.shape.fixed == 64) {
        a_.bswap(dst);
        return;
      }
      a_.bswap(dst.r32());
      if (at.shape.fixed == 16) a_.shr(dst.r32(), 16);
      return;
  }
}

namespace {

/// Division by `d` as the high half of a product (Granlund and Montgomery, Division by Invariant Integers using
/// Multiplication, 1994): q = hi >> shift, or where the multiplier needs one bit more, (((n - hi) >> 1) + hi) >> shift.
struct Reciprocal {
  std::uint64_t multiplier;
  unsigned shift;
  bool adds;
};

/// `d` is no power of two and less than 2^width.
Reciprocal reciprocal_of(std::uint64_t d, unsigned width) noexcept {
  using Wide = unsigned __int128;
  const auto shift = static_cast<unsigned>(std::bit_width(d)) - 1;
  const Wide power = Wide{1} << (width + shift);
  const auto quotient = static_cast<std::uint64_t>(power / d);
  const auto rest = static_cast<std::uint64_t>(power % d);
  if (d - rest < std::uint64_t{1} << shift) return {quotient + 1, shift, false};
  const bool carries = Wide{rest} * 2 >= d;
  const std::uint64_t multiplier = 2 * quotient + (carries ? 1 : 0) + 1;
  return {width == 64 ? multiplier : static_cast<std::uint32_t>(multiplier), shift, true};
}

}  // namespace

void X64Emitter::divide_by_constant(const At& at) {
  const Operation operation = at.shape.operation;
  const bool is_modulo = operation == Operation::mod_ || operation == Operation::smod_;
  const bool is_signed = operation == Operation::sdiv_ || operation == Operation::smod_;
  const unsigned width = at.shape.width;
  const x86::Gp dst = sized(reg(at.op.dst), width);
  const auto imm = static_cast<std::int32_t>(at.op.imm);
  if (imm == 0) {
    if (!is_modulo)
      move_constant(reg(at.op.dst), 0);
    else if (width == 32)
      a_.mov(dst, dst);
    return;
  }
  const auto divisor = width == 64 ? static_cast<std::uint64_t>(std::int64_t{imm}) : static_cast<std::uint32_t>(imm);
  if (!is_signed && std::has_single_bit(divisor)) {
    const auto shift = static_cast<unsigned>(std::countr_zero(divisor));
    if (is_modulo && shift == 0)
      move_constant(reg(at.op.dst), 0);
    else if (is_modulo)
      a_.and_(dst, static_cast<std::int32_t>(divisor - 1));
    else if (shift != 0)
      a_.shr(dst, shift);
    else if (width == 32)
      a_.mov(dst, dst);
    return;
  }
  // Of 64 bits, a negative number is one that no imm32 multiplies back.
  if (!is_signed && (width == 32 || (imm > 0 && has_bmi2_))) return multiply_high(at, divisor);
  move_constant(kTemp2, divisor);
  divide(at, kTemp2, true);
}

void X64Emitter::multiply_high(const At& at, std::uint64_t divisor) {
  const unsigned width = at.shape.width;
  const x86::Gp dst = sized(reg(at.op.dst), width);
  const Reciprocal by = reciprocal_of(divisor, width);
  const x86::Gp high = sized(kTemp2, width);
  const x86::Gp rest = sized(kTemp, width);
  if (width == 32) {
    a_.mov(kTemp.r32(), dst);
    a_.mov(kTemp2.r32(), static_cast<std::uint32_t>(by.multiplier));
    a_.imul(kTemp2, kTemp);
    a_.shr(kTemp2, by.adds ? 32 : 32 + by.shift);
  } else {
    // mulx takes one factor from rdx.
    const bool in_rdx = dst == x86::rdx;
    if (!in_rdx) a_.mov(kAddress, x86::rdx);
    const x86::Gp multiplier = in_rdx ? kTemp : x86::rdx;
    a_.mov(multiplier, by.multiplier);
    a_.mulx(kTemp2, kTemp, in_rdx ? kTemp : dst);
    if (!in_rdx) a_.mov(x86::rdx, kAddress);
    if (by.adds) a_.mov(kTemp, dst);
    if (!by.adds && by.shift != 0) a_.shr(kTemp2, by.shift);
  }
  if (by.adds) {
    a_.sub(rest, high);
    a_.shr(rest, 1);
    a_.add(high, rest);
    a_.shr(high, by.shift);
  }
  if (at.shape.operation == Operation::div_) {
    a_.mov(dst, high);
    return;
  }
  a_.imul(high, high, static_cast<std::int32_t>(divisor));
  a_.sub(dst, high);
}

/// rdx:rax is the dividend and takes both results; rax and rdx are kept unless the result goes there.
void X64Emitter::divide(const At& at, const x86::Gp& from, bool nonzero) {
  const Operation operation = at.shape.operation;
  const bool is_signed = operation == Operation::sdiv_ || operation == Operation::smod_;
  const bool is_modulo = operation == Operation::mod_ || operation == Operation::smod_;
  const unsigned width = at.shape.width;
  const x86::Gp dst = reg(at.op.dst);
  const x86::Gp divisor = sized(kTemp2, width);
  const x86::Gp low = sized(x86::rax, width);
  const x86::Gp high = sized(x86::rdx, width);
  const asmjit::Label by_zero = a_.newLabel();
  const asmjit::Label by_minus_one = a_.newLabel();
  const asmjit::Label done = a_.newLabel();
  if (from != kTemp2) a_.mov(divisor, sized(from, width));
  if (!nonzero) {
    a_.test(divisor, divisor);
    a_.jz(by_zero);
  }
  // The smallest number divided by -1 would trap.
  const bool guards_minus_one = is_signed && (!nonzero || static_cast<std::int32_t>(at.op.imm) == -1);
  if (guards_minus_one) {
    a_.cmp(divisor, -1);
    a_.je(by_minus_one);
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
  if (!nonzero || guards_minus_one) a_.jmp(done);

  if (guards_minus_one) {
    a_.bind(by_minus_one);
    if (is_modulo)
      a_.xor_(dst.r32(), dst.r32());
    else
      a_.neg(sized(dst, width));
    a_.jmp(done);
  }
  if (!nonzero) {
    a_.bind(by_zero);
    if (!is_modulo)
      a_.xor_(dst.r32(), dst.r32());
    else if (width == 32)
      a_.mov(dst.r32(), dst.r32());
  }
  a_.bind(done);
}

}  // namespace skep::jit::x64
