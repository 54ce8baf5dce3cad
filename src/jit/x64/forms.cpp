// What takes several ops in BPF and one instruction here: sums of three parts, addresses with an index, operations with
// three operands, rotations.
#include "jit/x64/emitter.hpp"

namespace skep::jit::x64 {

using isa::Operands;
using isa::Operation;

x86::Mem memory(const Sum& sum, std::uint32_t bytes) {
  if (sum.index == kNoRegister) return x86::ptr(reg(sum.base), sum.off, bytes);
  if (sum.base == kNoRegister)
    return x86::ptr(static_cast<std::uint64_t>(std::int64_t{sum.off}), reg(sum.index), sum.scale, bytes);
  return x86::ptr(reg(sum.base), reg(sum.index), sum.scale, sum.off, bytes);
}

void X64Emitter::form_sum(unsigned to, const Sum& sum, unsigned width) {
  const x86::Gp dst = sized(reg(to), width);
  if (sum.index == kNoRegister) {
    if (sum.base == to && sum.off != 0)
      a_.add(dst, sum.off);
    else if (sum.off == 0)
      a_.mov(dst, sized(reg(sum.base), width));
    else
      a_.lea(dst, memory(sum));
    return;
  }
  const bool adds_registers = sum.base != kNoRegister && sum.scale == 0 && sum.off == 0;
  if (adds_registers && (sum.base == to || sum.index == to))
    a_.add(dst, sized(reg(sum.base == to ? sum.index : sum.base), width));
  else if (sum.base == kNoRegister && sum.off == 0 && sum.index == to)
    a_.shl(dst, sum.scale);
  else
    a_.lea(dst, memory(sum));
}

void X64Emitter::load_at(const At& at, const Sum& address) {
  move_in(at, reg(at.op.dst), memory(address, at.shape.bytes()));
}

void X64Emitter::store_at(const At& at, const Sum& address) { move_out(at, memory(address, at.shape.bytes())); }

void X64Emitter::clear_16(const Sum& address) {
  a_.xorps(x86::xmm0, x86::xmm0);
  a_.movups(memory(address, 16), x86::xmm0);
}

void X64Emitter::alu_from(const At& at, unsigned from) {
  const unsigned width = at.shape.width;
  const x86::Gp dst = sized(reg(at.op.dst), width);
  const x86::Gp first = sized(reg(from), width);
  const bool by_register = at.shape.operands == Operands::dst_src;
  const x86::Gp second = sized(reg(at.op.src), width);
  const auto imm = static_cast<std::int32_t>(at.op.imm);
  switch (at.shape.operation) {
    case Operation::mul_:
      if (by_register) break;
      multiply(dst, first, imm);
      return;
    case Operation::and_:
      if (by_register || (imm != 0xff && imm != 0xffff)) break;
      if (imm == 0xff)
        a_.movzx(dst.r32(), first.r8());
      else
        a_.movzx(dst.r32(), first.r16());
      return;
    case Operation::lsh_:
      if (!by_register || !has_bmi2_) break;
      a_.shlx(dst, first, second);
      return;
    case Operation::rsh_:
      if (!by_register || !has_bmi2_) break;
      a_.shrx(dst, first, second);
      return;
    case Operation::arsh_:
      if (!by_register || !has_bmi2_) break;
      a_.sarx(dst, first, second);
      return;
    default:  // nothing to gain
      break;
  }
  a_.mov(dst, first);
  if (by_register)
    alu_reg(at);
  else
    alu_imm(at);
}

void X64Emitter::rotate(unsigned dst, unsigned src, unsigned left, unsigned width) {
  const x86::Gp to = sized(reg(dst), width);
  const x86::Gp from = sized(reg(src), width);
  if (dst != src && has_bmi2_) {
    a_.rorx(to, from, width - left);
    return;
  }
  if (dst != src) a_.mov(to, from);
  a_.rol(to, left);
}

}  // namespace skep::jit::x64
