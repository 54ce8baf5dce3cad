// Arithmetic. 32-bit operations of the processor clear the upper half of what they write, as BPF's do.
#include "jit/a64/emitter.hpp"

#include <bit>

namespace skep::jit::a64 {

using isa::Operation;

namespace {

constexpr unsigned kHalves = 4;  // 16 bits each: what one instruction sets

std::uint32_t half(std::uint64_t value, unsigned index) noexcept {
  return static_cast<std::uint32_t>(value >> (16 * index) & 0xffff);
}

/// An immediate of an instruction of this width: sign-extended, then cut to it.
std::uint64_t immediate(std::int64_t imm, unsigned width) noexcept {
  return width == 64 ? static_cast<std::uint64_t>(imm) : static_cast<std::uint32_t>(imm);
}

}  // namespace

std::uint32_t A64Emitter::fused(std::uint32_t, std::uint32_t) { return 0; }

/// The fewest instructions: one when it is a pattern of bits, otherwise from all zeros or from all ones.
void A64Emitter::move_constant(const arm::GpX& dst, std::uint64_t value) {
  if (value > UINT16_MAX && arm::Utils::isLogicalImm(value, 64)) {
    a_.orr(dst, arm::xzr, value);
    return;
  }
  unsigned zeros = 0;
  unsigned ones = 0;
  for (unsigned i = 0; i < kHalves; ++i) {
    zeros += half(value, i) == 0 ? 1u : 0u;
    ones += half(value, i) == 0xffff ? 1u : 0u;
  }
  const bool inverted = ones > zeros;
  const std::uint32_t background = inverted ? 0xffff : 0;
  bool begun = false;
  for (unsigned i = 0; i < kHalves; ++i) {
    const std::uint32_t bits = half(value, i);
    // The last one begins, too, when all halves are background.
    if (bits == background && (begun || i + 1 < kHalves)) continue;
    if (begun)
      a_.movk(dst, bits, 16 * i);
    else if (inverted)
      a_.movn(dst, ~bits & 0xffff, 16 * i);
    else
      a_.movz(dst, bits, 16 * i);
    begun = true;
  }
}

/// Needs kTemp.
void A64Emitter::unite(unsigned into, const Halves& halves) {
  const arm::GpX& dst = reg(into);
  move_constant(dst, halves.first);
  move_constant(kTemp, halves.second);
  a_.eor(dst, dst, kTemp);
}

void A64Emitter::constant(const At& at) { move_constant(reg(at.op.dst), static_cast<std::uint64_t>(at.op.imm)); }

void A64Emitter::add_constant(const arm::Gp& dst, const arm::Gp& src, std::int64_t value) {
  constexpr std::uint64_t kLow = 0xfff;
  const std::uint64_t magnitude = value < 0 ? 0 - static_cast<std::uint64_t>(value) : static_cast<std::uint64_t>(value);
  if (magnitude > 0xffffff) {
    const unsigned width = dst.isGpX() ? 64 : 32;
    move_constant(kTemp, immediate(value, width));
    a_.add(dst, src, sized(kTemp, width));
    return;
  }
  const auto step = [&](const arm::Gp& from, std::uint64_t part) {
    if (value < 0)
      a_.sub(dst, from, part);
    else
      a_.add(dst, from, part);
  };
  const bool has_high = magnitude > kLow;
  if (has_high) step(src, magnitude & ~kLow);
  if (!has_high || (magnitude & kLow) != 0) step(has_high ? dst : src, magnitude & kLow);
}

void A64Emitter::logical_constant(const At& at, unsigned from, std::uint64_t value) {
  const unsigned width = at.shape.width;
  const arm::Gp dst = sized(reg(at.op.dst), width);
  const arm::Gp first = sized(reg(from), width);
  const auto emit = [&](const auto& operand) {
    if (at.shape.operation == Operation::or_) a_.orr(dst, first, operand);
    if (at.shape.operation == Operation::and_) a_.and_(dst, first, operand);
    if (at.shape.operation == Operation::xor_) a_.eor(dst, first, operand);
  };
  if (arm::Utils::isLogicalImm(value, width)) return emit(value);
  move_constant(kTemp, value);
  emit(sized(kTemp, width));
}

void A64Emitter::alu_from(const At& at, unsigned from) {
  if (at.shape.operands == isa::Operands::dst_src)
    alu_reg_from(at, from);
  else
    alu_imm_from(at, from);
}

void A64Emitter::alu_imm_from(const At& at, unsigned from) {
  const unsigned width = at.shape.width;
  const arm::Gp dst = sized(reg(at.op.dst), width);
  const arm::Gp first = sized(reg(from), width);
  const std::uint64_t value = immediate(at.op.imm, width);
  const unsigned shift = static_cast<unsigned>(value) & (width - 1);
  switch (at.shape.operation) {
    case Operation::add_:
      add_constant(dst, first, at.op.imm);
      return;
    case Operation::sub_:
      add_constant(dst, first, -at.op.imm);
      return;
    case Operation::mul_:
      if (std::has_single_bit(value)) {
        a_.lsl(dst, first, std::countr_zero(value));
        return;
      }
      move_constant(kTemp, value);
      a_.mul(dst, first, sized(kTemp, width));
      return;
    case Operation::or_:
    case Operation::and_:
    case Operation::xor_:
      logical_constant(at, from, value);
      return;
    case Operation::lsh_:
      a_.lsl(dst, first, shift);
      return;
    case Operation::rsh_:
      a_.lsr(dst, first, shift);
      return;
    case Operation::arsh_:
      a_.asr(dst, first, shift);
      return;
    case Operation::mov_:
      move_constant(reg(at.op.dst), value);
      return;
    default:  // the rest of the table's dst_imm rows divides
      divide_by_constant(at, from);
      return;
  }
}

void A64Emitter::alu_reg_from(const At& at, unsigned from) {
  const unsigned width = at.shape.width;
  const arm::Gp dst = sized(reg(at.op.dst), width);
  const arm::Gp first = sized(reg(from), width);
  const arm::Gp src = sized(reg(at.op.src), width);
  switch (at.shape.operation) {
    case Operation::add_:
      a_.add(dst, first, src);
      return;
    case Operation::sub_:
      a_.sub(dst, first, src);
      return;
    case Operation::mul_:
      a_.mul(dst, first, src);
      return;
    case Operation::or_:
      a_.orr(dst, first, src);
      return;
    case Operation::and_:
      a_.and_(dst, first, src);
      return;
    case Operation::xor_:
      a_.eor(dst, first, src);
      return;
    case Operation::mov_:
      if (width == 32 || at.op.dst != at.op.src) a_.mov(dst, src);
      return;
    case Operation::movsx_:
      if (at.shape.fixed == 8)
        a_.sxtb(dst, src.w());
      else if (at.shape.fixed == 16)
        a_.sxth(dst, src.w());
      else
        a_.sxtw(dst, src.w());
      return;
    case Operation::lsh_:
      a_.lsl(dst, first, src);
      return;
    case Operation::rsh_:
      a_.lsr(dst, first, src);
      return;
    case Operation::arsh_:
      a_.asr(dst, first, src);
      return;
    default:  // the rest of the table's dst_src rows divides
      divide(at, from, reg(at.op.src));
      return;
  }
}

void A64Emitter::unary(const At& at) {
  const arm::GpX& dst = reg(at.op.dst);
  switch (at.shape.operation) {
    case Operation::neg_:
      a_.neg(sized(dst, at.shape.width), sized(dst, at.shape.width));
      return;
    case Operation::le_:
      if (at.shape.fixed == 16) a_.uxth(dst.w(), dst.w());
      if (at.shape.fixed == 32) a_.mov(dst.w(), dst.w());
      return;
    default:  // be and bswap: BPF is little-endian here
      if (at.shape.fixed == 64) {
        a_.rev(dst, dst);
        return;
      }
      a_.rev(dst.w(), dst.w());
      if (at.shape.fixed == 16) a_.lsr(dst.w(), dst.w(), 16);
      return;
  }
}

}  // namespace skep::jit::a64
