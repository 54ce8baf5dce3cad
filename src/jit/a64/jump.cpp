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

/// One form of a jump reaches all.
const MostBytes& A64Emitter::most_bytes() const {
  static constexpr MostBytes kNone{};
  return kNone;
}

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

/// Sets the flags that condition() asks for.
void A64Emitter::compare(const At& at) {
  const unsigned width = at.shape.width;
  const bool by_constant = at.shape.operands == isa::Operands::compare_imm;
  const auto imm = static_cast<std::int32_t>(at.op.imm);
  const arm::Gp dst = sized(reg(at.op.dst), width);
  const arm::Gp src = sized(reg(at.op.src), width);
  if (at.shape.operation != Operation::jset_) {
    if (by_constant)
      compare_constant(dst, imm);
    else
      a_.cmp(dst, src);
    return;
  }
  const std::uint64_t mask =
      width == 64 ? static_cast<std::uint64_t>(std::int64_t{imm}) : static_cast<std::uint32_t>(imm);
  if (!by_constant) {
    a_.tst(dst, src);
  } else if (arm::Utils::isLogicalImm(mask, width)) {
    a_.tst(dst, mask);
  } else {
    move_constant(kTemp, mask);
    a_.tst(dst, sized(kTemp, width));
  }
}

void A64Emitter::branch(const At& at, const Branch& branch) {
  const Operation operation = at.shape.operation;
  const bool against_zero = at.shape.operands == isa::Operands::compare_imm && at.op.imm == 0;
  if (against_zero && (operation == Operation::jeq_ || operation == Operation::jne_)) {
    const arm::Gp dst = sized(reg(at.op.dst), at.shape.width);
    if ((operation == Operation::jeq_) != branch.unless)
      branch_if_zero(dst, branch.target);
    else
      branch_if_not_zero(dst, branch.target);
    return;
  }
  compare(at);
  const arm::CondCode taken = condition(operation);
  branch_if(branch.unless ? arm::negateCond(taken) : taken, branch.target);
}

void A64Emitter::select(const At& compared, const At& move) {
  const arm::GpX dst = reg(move.op.dst);
  arm::Gp src = reg(move.op.src);
  if (move.shape.operands == isa::Operands::dst_imm) {
    const auto imm = static_cast<std::int32_t>(move.op.imm);
    src = kTemp2;
    move_constant(kTemp2, move.shape.width == 64 ? static_cast<std::uint64_t>(std::int64_t{imm})
                                                 : static_cast<std::uint32_t>(imm));
  } else if (move.shape.width == 32) {
    src = kTemp2;
    a_.mov(kTemp2.w(), reg(move.op.src).w());
  }
  compare(compared);
  a_.csel(dst, dst, src, condition(compared.shape.operation));
}

}  // namespace skep::jit::a64
