// Ops that one instruction can do together: what two-operand code spells out, and what BPF has no instruction for.
//
// Every fused form leaves in every register what its ops would leave there one by one, so nothing needs to be known of
// what follows. Ops are fused only where no jump leads in between and no block begins.
#include "jit/x64/emitter.hpp"

namespace skep::jit::x64 {

using isa::Operands;
using isa::Operation;
using lower::Check;

namespace {

bool is_move(const lower::Shape& shape) noexcept {
  return shape.operation == Operation::mov_ && shape.operands == Operands::dst_src;
}

bool is_add(const lower::Shape& shape, unsigned width) noexcept {
  return shape.operation == Operation::add_ && shape.width == width &&
         (shape.operands == Operands::dst_src || shape.operands == Operands::dst_imm);
}

bool is_shift_by_constant(const lower::Shape& shape) noexcept {
  return shape.operands == Operands::dst_imm &&
         (shape.operation == Operation::lsh_ || shape.operation == Operation::rsh_);
}

}  // namespace

bool X64Emitter::goes_straight(std::uint32_t index, std::uint32_t count, std::uint32_t end) const {
  if (index + count > end) return false;
  for (std::uint32_t i = index + 1; i < index + count; ++i)
    if (plan_.ops[i].is_target || plan_.ops[i].starts_block) return false;
  return true;
}

std::uint32_t X64Emitter::fused(std::uint32_t index, std::uint32_t end) {
  if (const std::uint32_t done = fuse_select(index, end)) return done;
  if (!goes_straight(index, 2, end)) return 0;
  if (const std::uint32_t done = fuse_rotate(index, end)) return done;
  if (const std::uint32_t done = fuse_address(index, end)) return done;
  return fuse_move(index);
}

/// mov d, s and an operation on d, where the processor has a form with three operands.
std::uint32_t X64Emitter::fuse_move(std::uint32_t index) {
  const At move = at(index);
  const At next = at(index + 1);
  if (!is_move(move.shape) || next.op.dst != move.op.dst || next.shape.width != move.shape.width) return 0;
  const bool by_register = next.shape.operands == Operands::dst_src;
  if (!by_register && next.shape.operands != Operands::dst_imm) return 0;
  if (by_register && next.op.src == move.op.dst) return 0;
  switch (next.shape.operation) {
    case Operation::add_: {
      Sum sum = copy_of(move.op.src).sum;
      if (by_register)
        sum.index = next.op.src;
      else
        sum.off = static_cast<std::int32_t>(next.op.imm);
      form_sum(move.op.dst, sum, move.shape.width);
      return 2;
    }
    case Operation::mul_:
      if (by_register) return 0;
      break;
    case Operation::lsh_:
    case Operation::rsh_:
    case Operation::arsh_:
      if (!by_register || !has_bmi2_) return 0;
      break;
    default:  // nothing to gain
      return 0;
  }
  alu_from(next, move.op.src);
  return 2;
}

/// [mov d, s;] add d, x; load d, [d + off]: the load overwrites the address, which the processor can add up itself.
std::uint32_t X64Emitter::fuse_address(std::uint32_t index, std::uint32_t end) {
  At first = at(index);
  const bool moves = is_move(first.shape) && first.shape.width == 64;
  const std::uint32_t count = moves ? 3 : 2;
  if (!goes_straight(index, count, end)) return 0;
  const unsigned base = moves ? first.op.src : first.op.dst;
  const At add = moves ? at(index + 1) : first;
  const At access = at(index + count - 1);
  const unsigned temporary = add.op.dst;
  if (!is_add(add.shape, 64) || (moves && first.op.dst != temporary)) return 0;
  if (access.shape.operands != Operands::load || access.shape.check != Check::free || access.op.src != temporary ||
      access.op.dst != temporary)
    return 0;
  if (add.shape.operands == Operands::dst_imm) {
    const std::int64_t off = add.op.imm + access.op.off;
    if (off != static_cast<std::int32_t>(off)) return 0;
    move_in(access, reg(temporary), x86::ptr(reg(base), static_cast<std::int32_t>(off), access.shape.bytes()));
    return count;
  }
  // After a move, d is s.
  const unsigned index_register = moves && add.op.src == temporary ? base : add.op.src;
  move_in(access, reg(temporary), x86::ptr(reg(base), reg(index_register), 0, access.op.off, access.shape.bytes()));
  return count;
}

/// mov t, x; shift t by k; shift x the other way by width - k; or one of them with the other.
std::uint32_t X64Emitter::fuse_rotate(std::uint32_t index, std::uint32_t end) {
  if (!has_bmi2_ || !goes_straight(index, 4, end)) return 0;
  const At move = at(index);
  const At first = at(index + 1);
  const At second = at(index + 2);
  const At join = at(index + 3);
  const unsigned width = move.shape.width;
  const unsigned copy = move.op.dst;
  const unsigned original = move.op.src;
  if (!is_move(move.shape) || copy == original || !is_shift_by_constant(first.shape) ||
      !is_shift_by_constant(second.shape) || first.shape.operation == second.shape.operation)
    return 0;
  if (first.shape.width != width || second.shape.width != width || join.shape.width != width) return 0;
  const bool copy_first = first.op.dst == copy && second.op.dst == original;
  const bool copy_second = first.op.dst == original && second.op.dst == copy;
  if (!copy_first && !copy_second) return 0;
  const At& of_copy = copy_first ? first : second;
  const At& of_original = copy_first ? second : first;
  const auto by = static_cast<unsigned>(of_copy.op.imm) & (width - 1);
  const auto back = static_cast<unsigned>(of_original.op.imm) & (width - 1);
  const bool joins = join.shape.operands == Operands::dst_src &&
                     (join.shape.operation == Operation::or_ || join.shape.operation == Operation::add_ ||
                      join.shape.operation == Operation::xor_);
  if (!joins || by == 0 || by + back != width) return 0;
  const bool copy_goes_left = of_copy.shape.operation == Operation::lsh_;
  const unsigned right = copy_goes_left ? back : by;
  const x86::Gp x = sized(reg(original), width);
  const x86::Gp t = sized(reg(copy), width);
  const auto shift = [&](const x86::Gp& what, bool left, unsigned count) {
    if (left)
      a_.shl(what, count);
    else
      a_.shr(what, count);
  };
  if (join.op.dst == original && join.op.src == copy) {
    a_.mov(t, x);
    a_.rorx(x, x, right);
    shift(t, copy_goes_left, by);
    return 4;
  }
  if (join.op.dst == copy && join.op.src == original) {
    a_.rorx(t, x, right);
    shift(x, !copy_goes_left, back);
    return 4;
  }
  return 0;
}

}  // namespace skep::jit::x64
