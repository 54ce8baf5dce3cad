// Masks by instruction, and the ways that only mispredictions take.
#include "verifier/transfer/speculation.hpp"

#include <cstdlib>
#include <utility>

#include "verifier/access/access.hpp"

namespace skep::verifier {
namespace {

// How a number is masked: bits of AluMask::how.
constexpr std::uint32_t kNumber = 1, kNegative = 2, kConstant = 4, kMasksSource = 8, kMasksDestination = 16;

bool is_sum(Alu op) { return op == Alu::add || op == Alu::sub; }

bool from_register(const Step& step) { return step.info.operands == isa::Operands::dst_src; }

/// An instruction has one mask, whatever path leads to it.
Objection settle(Walk& walk, const Step& step, const AluMask& mask) {
  AluMask& settled = walk.speculation.mask(step.pc, walk.input.program->insns.size());
  if (settled.how != 0 && settled != mask)
    return step.finds(Code::speculation_paths, {step.insn.dst}, step.info.mnemonic);
  settled = mask;
  return {};
}

}  // namespace

bool MaskedMove::is_masked() const noexcept { return !walk_.may_leak() && is_sum(op_) && from_register(step_); }

/// How far the pointer may go in the direction it moves, from the far end of where it may be.
Objection MaskedMove::find_limit(const Register& pointer, std::uint32_t& limit) const {
  const bool to_left = (mask_.how & kNegative) != 0 ? op_ == Alu::add : op_ == Alu::sub;
  std::uint32_t most = 0;
  if (pointer.kind == RegKind::stack) {
    most = kStackBytes + (to_left ? 1 : 0);
    limit = static_cast<std::uint32_t>(-(static_cast<std::int64_t>(pointer.num().bits.value) + pointer.off));
  } else if (pointer.kind == RegKind::map_value) {
    most = walk_.map_of(pointer).spec->value_size;
    const auto num = to_left ? pointer.num().smin : static_cast<std::int64_t>(pointer.num().umax);
    limit = static_cast<std::uint32_t>(num + pointer.off);
  } else {
    return step_.finds(Code::speculation_kind, {step_.insn.dst}, name_of(pointer.kind));
  }
  if (limit >= most)
    return step_.finds(Code::speculation_limit, {step_.insn.dst, static_cast<std::int32_t>(limit), most});
  return {};
}

Objection MaskedMove::begin() {
  if (!is_masked()) return {};
  const bool known = number_.is_fixed();
  if (!walk_.state.speculative) {
    const bool negative = number_.num().smin < 0;
    if (!known && negative != (number_.num().smax < 0))
      return step_.finds(Code::speculation_bounds, {pointer_is_dst_ ? step_.insn.src : step_.insn.dst});
    mask_.how =
        (negative ? kNegative : 0) | (known ? kConstant : 0) | (pointer_is_dst_ ? kMasksSource : kMasksDestination);
    if (auto bad = find_limit(pointer_, mask_.limit)) return bad;
    if (!known) walk_.speculation.compares_exactly = true;
  }
  if (known) return {};
  State masked = walk_.state;
  masked.speculative = true;
  masked.change_reg(step_.insn.dst) = pointer_;
  masked.pc = step_.pc + 1;
  return walk_.put_aside(step_, std::move(masked));
}

Objection MaskedMove::check_inside(const Register& moved) const {
  if (moved.kind == RegKind::map_value) {
    const Range byte{step_.insn.dst, 0, 1};
    if (auto bad = check_region(step_, moved, byte, walk_.map_of(moved).spec->value_size)) return bad;
    return check_kernel_fields(walk_, step_, moved, byte);
  }
  if (moved.kind != RegKind::stack) return {};
  if (!moved.is_fixed()) return step_.finds(Code::stack_variable_unprivileged, {step_.insn.dst});
  const std::int64_t off = moved.off + static_cast<std::int64_t>(moved.fixed());
  if (off < 0 && off >= -kStackBytes) return {};
  return step_.finds(Code::stack_out_of_bounds, {step_.insn.dst, off, off, 1});
}

Objection MaskedMove::end(const Register& moved) const {
  if (walk_.may_leak()) return {};
  if (auto bad = check_inside(moved)) return bad;
  if (!is_masked() || walk_.state.speculative) return {};
  std::uint32_t limit = 0;
  if (auto bad = find_limit(moved, limit)) return bad;
  // The window is as wide as the pointer was seen to move.
  const auto window = static_cast<std::uint32_t>(std::abs(static_cast<std::int32_t>(mask_.limit - limit)));
  return settle(walk_, step_, {mask_.how, window});
}

Objection note_unmasked(Walk& walk, const Step& step, Alu op) {
  if (walk.may_leak() || !is_sum(op) || !from_register(step)) return {};
  return settle(walk, step, {kNumber, 0});
}

Objection mispredict(Walk& walk, const Step& step, std::uint32_t to) {
  if (walk.may_leak()) return {};
  State state = walk.state;
  state.speculative = true;
  state.change_reg(step.insn.dst) = Register::unknown();
  if (step.info.operands == isa::Operands::compare_src) state.change_reg(step.insn.src) = Register::unknown();
  state.pc = to;
  return walk.put_aside(step, std::move(state));
}

Objection note_tail_call(Walk& walk, const Step& step, std::uint32_t map) {
  if (walk.may_leak()) return {};
  const auto [called, first] = walk.speculation.tail_calls.try_emplace(step.pc, map);
  if (first || called->second == map) return {};
  return step.finds(Code::speculation_tail_call);
}

}  // namespace skep::verifier
