// Recording a path, and going back to where others branch off.
#include "verifier/diagnose/trace.hpp"

namespace skep::verifier {
namespace {

/// Where on the stack a load or store goes; nothing when it does not, or the place varies.
void note_stack(const State& state, const Insn& insn, const isa::FormInfo& info, Mark& mark) {
  using isa::Operands;
  const bool loads = info.operands == Operands::load;
  const bool stores =
      info.operands == Operands::store_imm || info.operands == Operands::store_src || info.operands == Operands::atomic;
  if (!loads && !stores) return;
  const Register& base = state.reg(loads ? insn.src : insn.dst);
  if (base.kind != RegKind::stack || !base.num.is_constant()) return;
  const std::int64_t off = base.off + static_cast<std::int64_t>(base.num.value()) + insn.off;
  if (off < -kStackBytes || off >= 0) return;
  mark.stack_frame = base.frame;
  mark.stack_off = static_cast<std::int16_t>(off);
}

}  // namespace

void Trace::begin(const Walk& /*walk*/) {
  path_.clear();
  forks_.clear();
}

void Trace::step(const Walk& walk, std::uint32_t pc) {
  Mark mark{walk.stats.processed, pc, static_cast<std::uint8_t>(walk.state.depth())};
  note_stack(walk.state, walk.input.program->insns[pc], isa::info(walk.graph.at(pc).form), mark);
  path_.push_back(mark);
}

void Trace::put_aside(const Walk& /*walk*/, std::uint32_t /*pc*/, std::uint32_t /*to*/) {
  forks_.push_back(path_.size());
}

void Trace::found(const Walk& walk, const Finding& finding) { listener_(walk, finding, path_); }

void Trace::resume(const Walk& /*walk*/) {
  path_.resize(forks_.back());
  forks_.pop_back();
}

}  // namespace skep::verifier
