// Which transfer an instruction takes: by the shape of its operands.
#include "verifier/transfer/transfer.hpp"

namespace skep::verifier {

Objection transfer(Walk& walk, const Step& step) {
  using isa::Operands;
  using isa::Operation;
  switch (step.info.operands) {
    case Operands::none:
      return transfer_exit(walk, step);
    case Operands::dst:
    case Operands::dst_imm:
    case Operands::dst_src:
    case Operands::dst_src_imm:
      return transfer_alu(walk, step);
    case Operands::jump_off:
    case Operands::jump_imm:
      if (step.info.operation == Operation::may_goto_) return transfer_may_goto(walk, step);
      walk.state.pc = static_cast<std::uint32_t>(isa::jump_target(step.insn, step.info, step.pc));
      return {};
    case Operands::compare_imm:
    case Operands::compare_src:
      return transfer_branch(walk, step);
    case Operands::call_imm:
      if (step.insn.src != 0) return step.finds(Code::unsupported_kfunc, {step.insn.imm});
      return transfer_helper_call(walk, step);
    case Operands::call_pc:
      return transfer_subprogram_call(walk, step);
    case Operands::load:
      return transfer_load(walk, step);
    case Operands::store_imm:
    case Operands::store_src:
      return transfer_store(walk, step);
    case Operands::atomic:
      return transfer_atomic(walk, step);
    case Operands::lddw:
      return transfer_constant(walk, step);
    case Operands::packet_abs:
    case Operands::packet_ind:
      return transfer_packet_load(walk, step);
  }
  return {};
}

}  // namespace skep::verifier
