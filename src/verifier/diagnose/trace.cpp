// Recording a path, and going back to where others branch off.
#include "verifier/diagnose/trace.hpp"

namespace skep::verifier {

std::optional<StackPlace> stack_place(const State& state, const Insn& insn, const isa::FormInfo& info) {
  using isa::Operands;
  const bool loads = info.operands == Operands::load;
  const bool stores =
      info.operands == Operands::store_imm || info.operands == Operands::store_src || info.operands == Operands::atomic;
  if (!loads && !stores) return {};
  const Register& base = state.reg(loads ? insn.src : insn.dst);
  if (base.kind != RegKind::stack || !base.is_fixed()) return {};
  const std::int64_t off = base.off + static_cast<std::int64_t>(base.fixed()) + insn.off;
  if (off < -kStackBytes || off >= 0) return {};
  return StackPlace{base.frame, static_cast<std::int32_t>(off)};
}

void Trace::begin(const Walk& /*walk*/) {
  path_.clear();
  forks_.clear();
}

void Trace::step(const Walk& walk, std::uint32_t pc) {
  Mark mark{walk.stats.processed, pc, static_cast<std::uint8_t>(walk.state.depth())};
  if (const auto place = stack_place(walk.state, walk.input.program->insns[pc], isa::info(walk.graph.at(pc).form))) {
    mark.stack_frame = static_cast<std::uint8_t>(place->frame);
    mark.stack_off = static_cast<std::int16_t>(place->off);
  }
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
