// The end of a block: what the next ones need is computed, then control goes there, by as few jumps as there can be.
#include "jit/tune.hpp"

namespace skep::jit {

using isa::Operands;
using isa::Operation;
using lower::Op;
using lower::Shape;
using Kind = Value::Kind;

std::uint32_t Tuner::block_after(std::uint32_t place) const {
  return place + 1 < flow_.order.size() ? flow_.order[place + 1] : kNoBlock;
}

bool Tuner::goes_back(std::uint32_t place, std::uint32_t target) const { return flow_.blocks[target].place <= place; }

/// Estimated from above, but for what a block computes for the next.
bool Tuner::is_near(std::uint32_t place, std::uint32_t target) const {
  constexpr std::uint32_t kReach = 90;
  const std::uint32_t there = flow_.blocks[target].place;
  if (there <= place || there == place + 1) return there == place + 1;
  return bytes_before_[there] - bytes_before_[place + 1] < kReach;
}

void Tuner::end_block(std::uint32_t place, bool is_done) {
  const Block& block = flow_.blocks[flow_.order[place]];
  const std::uint32_t index = block.end - 1;
  const At at = out_.at(index);
  if (!goes_to(at.op)) {
    if (!is_done) emit_op(index, block.live_out);
  } else if (at.shape.operation == Operation::may_goto_) {
    needed_ = block.live_out;
    compute_all(block.live_out);
    out_.mark(MachineCode::Role::insn, index);
    out_.poll(index);
    // To where control goes on anyway: that block may have no label.
    const bool goes_on = block.taken == kNoBlock;
    const asmjit::Label target = goes_on ? out_.new_label() : out_.label_at(flow_.blocks[block.taken].first);
    out_.may_goto(at, target);
    if (goes_on) out_.bind(target);
  } else if (block.taken != kNoBlock) {
    return end_in_branch(place);
  }
  if (block.next != kNoBlock) go_on(place, block.next, index);
}

void Tuner::go_on(std::uint32_t place, std::uint32_t next, std::uint32_t index) {
  const Block& block = flow_.blocks[next];
  const bool follows = block_after(place) == next;
  if (follows && is_entered_once(next)) {
    carried_ = next;
    return;
  }
  needed_ = live_ = block.live_in;
  compute_all(block.live_in);
  if (follows) return;
  if (out_.plan_.options.polls && goes_back(place, next)) out_.poll(index);
  const bool loops = next == flow_.order[place] && itself_.isValid();
  out_.jump_to({loops ? itself_ : out_.label_at(block.first), is_near(place, next), false});
}

void Tuner::end_in_branch(std::uint32_t place) {
  if (end_in_select(place)) return;
  const Block& block = flow_.blocks[flow_.order[place]];
  const std::uint32_t index = block.end - 1;
  const At at = out_.at(index);
  // Where neither way follows, the branch is the one that goes round the loop, and the jump the one out of it.
  const std::uint32_t after = block_after(place);
  const bool goes_round = after != block.next && goes_back(place, block.next) && !goes_back(place, block.taken);
  const bool unless = after == block.taken || goes_round;
  const std::uint32_t target = unless ? block.next : block.taken;
  const std::uint32_t through = unless ? block.taken : block.next;
  const bool carries = block_after(place) == through && is_entered_once(through);
  const Block& there = flow_.blocks[target];
  live_ = block.live_out;
  needed_ = live_ | out_.plan_.ops[index].effects.reads;
  compute_all(there.live_in);
  if (!carries) compute_all(flow_.blocks[through].live_in);
  out_.mark(MachineCode::Role::insn, index);
  if (out_.plan_.options.polls && goes_back(place, target)) out_.poll(index);
  const bool loops = target == flow_.order[place] && itself_.isValid();
  branch(at, {loops ? itself_ : out_.label_at(there.first), is_near(place, target), unless});
  go_on(place, through, index);
}

/// A comparison, and the branch that it decides.
void Tuner::branch(const At& at, Emitter::Branch branch) {
  Op op = at.op;
  Shape shape = at.shape;
  const unsigned width = shape.width;
  if (shape.operands == Operands::compare_src) {
    if (const auto constant = constant_in(op.src, width)) {
      shape.operands = Operands::compare_imm;
      op.imm = static_cast<std::int64_t>(*constant);
    } else {
      in_register(at.op.src, width);
    }
  }
  const Value& first = values_[op.dst];
  const bool against_zero = shape.operands == Operands::compare_imm && op.imm == 0 &&
                            (shape.operation == Operation::jeq_ || shape.operation == Operation::jne_);
  if (against_zero && first.kind == Kind::mask && (width == 32 || !is_wide(first.number))) {
    branch.unless = branch.unless != (shape.operation == Operation::jeq_);
    shape.operation = Operation::jset_;
    shape.width = first.width == 32 ? std::uint8_t{32} : shape.width;
    op.imm = static_cast<std::int64_t>(signed_immediate(first.number, shape.width));
    op.dst = first.sum.base;
  } else {
    op.dst = static_cast<std::uint8_t>(in_register(at.op.dst, width));
    if (shape.operands == Operands::compare_src) op.src = static_cast<std::uint8_t>(in_register(at.op.src, width));
  }
  out_.branch(At{op, shape, at.index}, branch);
}

/// `if (condition) skip one move` is what compilers make of a choice, for want of an instruction.
bool Tuner::end_in_select(std::uint32_t place) {
  const Block& block = flow_.blocks[flow_.order[place]];
  const Block& skipped = flow_.blocks[block.next];
  const std::uint32_t index = block.end - 1;
  if (block_after(place) != block.next || !is_entered_once(block.next) || skipped.next != block.taken) return false;
  const At compare = out_.at(index);
  const At move = out_.at(skipped.first);
  const std::uint32_t ops = skipped.end - skipped.first;
  const bool jumps = ops == 2 && lower::shape_of(out_.at(skipped.end - 1).op.code).operation == Operation::ja_;
  if (move.shape.operation != Operation::mov_ || (ops != 1 && !jumps) || skipped.taken != kNoBlock) return false;
  const unsigned dst = move.op.dst;
  const Block& join = flow_.blocks[block.taken];
  // A limit is seldom reached: predicted, it costs less than a choice that must wait for both.
  if (move.shape.operands == Operands::dst_imm && compare.shape.operands == Operands::compare_imm &&
      compare.op.dst == dst)
    return false;
  if ((join.live_in & bit_of(dst)) == 0) return false;
  live_ = join.live_in;
  const auto& plans = out_.plan_.ops;
  needed_ = live_ | plans[compare.index].effects.reads | plans[move.index].effects.reads;
  compute(dst);
  free(dst);
  const bool by_register = move.shape.operands == Operands::dst_src;
  Op moved = move.op;
  Op compared = compare.op;
  const auto resolve = [&] {
    if (by_register) moved.src = static_cast<std::uint8_t>(in_register(move.op.src, move.shape.width));
    compared.dst = static_cast<std::uint8_t>(in_register(compare.op.dst, compare.shape.width));
    if (compare.shape.operands == Operands::compare_src)
      compared.src = static_cast<std::uint8_t>(in_register(compare.op.src, compare.shape.width));
  };
  resolve();
  resolve();
  Shape shape = move.shape;
  if (by_register && is_short(moved.src)) shape.width = 64;
  out_.mark(MachineCode::Role::insn, index);
  out_.select(At{compared, compare.shape, index}, At{moved, shape, skipped.first});
  written(dst, is_short(dst) && move.shape.width == 32);
  skipped_ = block.next;
  const std::uint32_t after = block_after(place + 1);
  const bool follows = after == block.taken;
  if (follows && join.predecessors == 2) {
    carried_ = block.taken;
    return true;
  }
  compute_all(join.live_in);
  if (follows) return true;
  if (out_.plan_.options.polls && goes_back(place, block.taken)) out_.poll(index);
  out_.jump_to({out_.label_at(join.first), is_near(place, block.taken), false});
  return true;
}

}  // namespace skep::jit
