// What takes several ops in BPF and fewer instructions here: sums of three parts, addresses with an index, rotations.
#include <bit>

#include "jit/a64/emitter.hpp"

namespace skep::jit::a64 {

void A64Emitter::form_sum(unsigned to, const Sum& sum, unsigned width) {
  const arm::Gp dst = sized(reg(to), width);
  if (sum.index == kNoRegister) {
    if (sum.off == 0)
      a_.mov(dst, sized(reg(sum.base), width));
    else
      add_constant(dst, sized(reg(sum.base), width), sum.off);
    return;
  }
  const arm::Gp index = sized(reg(sum.index), width);
  if (sum.base == kNoRegister)
    a_.lsl(dst, index, sum.scale);
  else
    a_.add(dst, sized(reg(sum.base), width), index, asmjit::arm::lsl(sum.scale));
  if (sum.off != 0) add_constant(dst, dst, sum.off);
}

/// To kAddress.
void A64Emitter::form_address(const Sum& sum) {
  if (sum.index == kNoRegister) {
    if (sum.off == 0)
      a_.mov(kAddress, reg(sum.base));
    else
      add_constant(kAddress, reg(sum.base), sum.off);
    return;
  }
  if (sum.base == kNoRegister)
    a_.lsl(kAddress, reg(sum.index), sum.scale);
  else
    a_.add(kAddress, reg(sum.base), reg(sum.index), asmjit::arm::lsl(sum.scale));
  if (sum.off != 0) add_constant(kAddress, kAddress, sum.off);
}

/// An index is shifted by nothing, or by what makes it count accesses; with a displacement there is none.
arm::Mem A64Emitter::memory(const Sum& sum, std::uint32_t bytes) {
  if (sum.index == kNoRegister) return operand(sum.base, sum.off, bytes, false);
  const bool fits = sum.scale == 0 || (1u << sum.scale) == bytes;
  if (sum.base != kNoRegister && sum.off == 0 && fits)
    return arm::ptr(reg(sum.base), reg(sum.index), asmjit::arm::lsl(sum.scale));
  form_address(sum);
  return arm::ptr(kAddress);
}

void A64Emitter::load_at(const At& at, const Sum& address) { move_in(at, memory(address, at.shape.bytes())); }

void A64Emitter::store_at(const At& at, const Sum& address) { move_out(at, memory(address, at.shape.bytes())); }

void A64Emitter::clear_16(const Sum& address) {
  form_address(address);
  a_.stp(arm::xzr, arm::xzr, arm::ptr(kAddress));
}

void A64Emitter::rotate(unsigned dst, unsigned src, unsigned left, unsigned width) {
  a_.ror(sized(reg(dst), width), sized(reg(src), width), width - left);
}

}  // namespace skep::jit::a64
