// Jumps, and comparisons with their branch.
#include "jit/x64/emitter.hpp"

namespace skep::jit::x64 {

using isa::Operation;

namespace {

x86::CondCode condition(Operation operation) noexcept {
  switch (operation) {
    case Operation::jeq_:
      return x86::CondCode::kEqual;
    case Operation::jgt_:
      return x86::CondCode::kUnsignedGT;
    case Operation::jge_:
      return x86::CondCode::kUnsignedGE;
    case Operation::jlt_:
      return x86::CondCode::kUnsignedLT;
    case Operation::jle_:
      return x86::CondCode::kUnsignedLE;
    case Operation::jsgt_:
      return x86::CondCode::kSignedGT;
    case Operation::jsge_:
      return x86::CondCode::kSignedGE;
    case Operation::jslt_:
      return x86::CondCode::kSignedLT;
    case Operation::jsle_:
      return x86::CondCode::kSignedLE;
    default:  // jne, and jset after a test
      return x86::CondCode::kNotEqual;
  }
}

}  // namespace

void X64Emitter::jump(const At& at, const asmjit::Label& target) {
  if (at.op.off != 1) a_.jmp(target);
}

void X64Emitter::may_goto(const At&, const asmjit::Label& target) {
  a_.cmp(SKEP_MACHINE(may_goto_left), 0);
  a_.je(target);
  a_.dec(SKEP_MACHINE(may_goto_left));
}

void X64Emitter::branch_imm(const At& at, const asmjit::Label& target) {
  const auto imm = static_cast<std::int32_t>(at.op.imm);
  const x86::Gp dst = sized(reg(at.op.dst), at.shape.width);
  if (at.shape.operation == Operation::jset_)
    a_.test(dst, imm);
  else if (imm == 0)
    a_.test(dst, dst);
  else
    a_.cmp(dst, imm);
  a_.j(condition(at.shape.operation), target);
}

void X64Emitter::branch_reg(const At& at, const asmjit::Label& target) {
  const x86::Gp dst = sized(reg(at.op.dst), at.shape.width);
  const x86::Gp src = sized(reg(at.op.src), at.shape.width);
  if (at.shape.operation == Operation::jset_)
    a_.test(dst, src);
  else
    a_.cmp(dst, src);
  a_.j(condition(at.shape.operation), target);
}

}  // namespace skep::jit::x64
