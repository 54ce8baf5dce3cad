// Jumps, and comparisons with their branch.
#include "jit/a64/emitter.hpp"

namespace skep::jit::a64 {

using isa::Operation;

namespace {

constexpr std::uint64_t kReach = std::uint64_t{1} << 20;  // of a conditional branch

arm::CondCode condition(Operation operation) noexcept {
  switch (operation) {
    case Operation::jeq_:
      return arm::CondCode::kEQ;
    case Operation::jgt_:
      return arm::CondCode::kHI;
    case Operation::jge_:
      return arm::CondCode::kHS;
    case Operation::jlt_:
      return arm::CondCode::kLO;
    case Operation::jle_:
      return arm::CondCode::kLS;
    case Operation::jsgt_:
      return arm::CondCode::kGT;
    case Operation::jsge_:
      return arm::CondCode::kGE;
    case Operation::jslt_:
      return arm::CondCode::kLT;
    case Operation::jsle_:
      return arm::CondCode::kLE;
    default:  // jne, and jset after a test
      return arm::CondCode::kNE;
  }
}

}  // namespace

/// Forward, nobody knows yet: hardly ever. Backward, the distance is there.
bool A64Emitter::may_be_far(const asmjit::Label& target) const {
  if (!code_.isLabelBound(target)) return plan_.options.long_jumps;
  return a_.offset() - code_.labelOffset(target) >= kReach - 64;
}

void A64Emitter::branch_if(arm::CondCode condition, const asmjit::Label& target) {
  if (!may_be_far(target)) {
    a_.b(condition, target);
    return;
  }
  const asmjit::Label not_taken = a_.newLabel();
  a_.b(arm::negateCond(condition), not_taken);
  a_.b(target);
  a_.bind(not_taken);
}

void A64Emitter::branch_if_zero(const arm::Gp& value, const asmjit::Label& target) {
  if (!may_be_far(target)) {
    a_.cbz(value, target);
    return;
  }
  const asmjit::Label not_taken = a_.newLabel();
  a_.cbnz(value, not_taken);
  a_.b(target);
  a_.bind(not_taken);
}

void A64Emitter::branch_if_not_zero(const arm::Gp& value, const asmjit::Label& target) {
  if (!may_be_far(target)) {
    a_.cbnz(value, target);
    return;
  }
  const asmjit::Label not_taken = a_.newLabel();
  a_.cbz(value, not_taken);
  a_.b(target);
  a_.bind(not_taken);
}

void A64Emitter::jump(const At& at, const asmjit::Label& target) {
  if (at.op.off != 1) a_.b(target);
}

void A64Emitter::may_goto(const At&, const asmjit::Label& target) {
  a_.ldr(kTemp, SKEP_MACHINE(may_goto_left));
  branch_if_zero(kTemp, target);
  a_.sub(kTemp, kTemp, 1);
  a_.str(kTemp, SKEP_MACHINE(may_goto_left));
}

void A64Emitter::compare_constant(const arm::Gp& dst, std::int32_t imm) {
  if (imm >= 0 && imm < 4096) {
    a_.cmp(dst, imm);
  } else if (imm < 0 && imm > -4096) {
    a_.cmn(dst, -imm);
  } else {
    const bool wide = dst.isGpX();
    move_constant(kTemp, wide ? static_cast<std::uint64_t>(std::int64_t{imm}) : static_cast<std::uint32_t>(imm));
    a_.cmp(dst, sized(kTemp, wide ? 64 : 32));
  }
}

void A64Emitter::branch_imm(const At& at, const asmjit::Label& target) {
  const auto imm = static_cast<std::int32_t>(at.op.imm);
  const unsigned width = at.shape.width;
  const arm::Gp dst = sized(reg(at.op.dst), width);
  if (at.shape.operation == Operation::jset_) {
    const std::uint64_t mask =
        width == 64 ? static_cast<std::uint64_t>(std::int64_t{imm}) : static_cast<std::uint32_t>(imm);
    if (arm::Utils::isLogicalImm(mask, width)) {
      a_.tst(dst, mask);
    } else {
      move_constant(kTemp, mask);
      a_.tst(dst, sized(kTemp, width));
    }
  } else if (imm == 0 && at.shape.operation == Operation::jeq_) {
    branch_if_zero(dst, target);
    return;
  } else if (imm == 0 && at.shape.operation == Operation::jne_) {
    branch_if_not_zero(dst, target);
    return;
  } else {
    compare_constant(dst, imm);
  }
  branch_if(condition(at.shape.operation), target);
}

void A64Emitter::branch_reg(const At& at, const asmjit::Label& target) {
  const arm::Gp dst = sized(reg(at.op.dst), at.shape.width);
  const arm::Gp src = sized(reg(at.op.src), at.shape.width);
  if (at.shape.operation == Operation::jset_)
    a_.tst(dst, src);
  else
    a_.cmp(dst, src);
  branch_if(condition(at.shape.operation), target);
}

}  // namespace skep::jit::a64
