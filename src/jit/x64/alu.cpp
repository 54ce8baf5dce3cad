// Arithmetic. 32-bit operations of the processor clear the upper half of what they write, as BPF's do.
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

/// An address takes a third of the time, where one is as much.
void X64Emitter::multiply(const x86::Gp& dst, const x86::Gp& factor, std::int32_t number) {
  const std::uint32_t scale = number == 3 ? 1 : number == 5 ? 2 : number == 9 ? 3 : 0;
  if (scale != 0)
    a_.lea(dst, x86::ptr(factor.r64(), factor.r64(), scale));
  else
    a_.imul(dst, factor, number);
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
      multiply(dst, dst, imm);
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
      divide(at, reg(at.op.src));
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

}  // namespace skep::jit::x64
