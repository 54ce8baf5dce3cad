// Subjects, out of what the findings' texts and numbers say.
#include "verifier/diagnose/subject.hpp"

#include <algorithm>

#include "verifier/walk.hpp"

namespace skep::verifier {
namespace {

/// Findings about what a function or program returns.
constexpr Code kAboutResult[] = {Code::return_range,          Code::return_kind,
                                 Code::return_stack_pointer,  Code::callback_return_kind,
                                 Code::callback_return_range, Code::function_returns_pointer};
/// Findings whose first number is an offset into the stack.
constexpr Code kAboutStack[] = {Code::stack_uninitialized, Code::stack_variable_uninitialized,
                                Code::stack_pointer_corrupted, Code::stack_pointer_partial_fill,
                                Code::stack_pointer_leak};
constexpr Code kAboutLoop[] = {Code::endless_loop, Code::too_many_insns, Code::too_many_branches};

template <std::size_t N>
bool is_among(const Code (&codes)[N], Code code) {
  return std::find(std::begin(codes), std::end(codes), code) != std::end(codes);
}

/// The frame whose stack an instruction touches at `off`: of the pointer it goes through, or of an argument.
unsigned frame_of(const State& state, const Insn& insn, const isa::FormInfo& info, std::int64_t off) {
  const auto points_there = [&](const Register& reg) {
    return reg.kind == RegKind::stack && (!reg.is_fixed() || reg.off == off);
  };
  if (info.operands == isa::Operands::load) return state.reg(insn.src).frame;
  if (info.operands != isa::Operands::call_imm) return state.reg(insn.dst).frame;
  for (unsigned i = 1; i <= 5; ++i)
    if (points_there(state.reg(i))) return state.reg(i).frame;
  return state.depth() - 1;
}

/// An argument's size lies in the next one; where it varies, it is what matters.
void add_size(const State& state, const isa::FormInfo& info, unsigned frame, std::vector<Spot>& spots) {
  if (info.operands != isa::Operands::call_imm || spots.size() != 1) return;
  const unsigned next = spots.front().number + 1u;
  if (next > 5 || !state.reg(next).is_scalar() || state.reg(next).is_constant()) return;
  spots.push_back(Spot::reg(frame, next));
}

/// The pointer that an access goes through, for findings that say what is wrong with the place and not with a register:
/// which field of the context there is, what a legacy packet load needs.
void add_base(const Insn& insn, const isa::FormInfo& info, unsigned frame, std::vector<Spot>& spots) {
  constexpr unsigned kPacketLoadBase = 6;
  switch (info.operands) {
    case isa::Operands::load:
      spots.push_back(Spot::reg(frame, insn.src));
      return;
    case isa::Operands::store_imm:
    case isa::Operands::store_src:
    case isa::Operands::atomic:
      spots.push_back(Spot::reg(frame, insn.dst));
      return;
    case isa::Operands::packet_abs:
    case isa::Operands::packet_ind:
      spots.push_back(Spot::reg(frame, kPacketLoadBase));
      return;
    default:  // no access
      return;
  }
}

/// Of two operands, the one that is added matters as much.
void add_source(const Insn& insn, unsigned frame, std::vector<Spot>& spots) {
  const Spot source = Spot::reg(frame, insn.src);
  if (insn.src != isa::kFramePointer && std::find(spots.begin(), spots.end(), source) == spots.end())
    spots.push_back(source);
}

}  // namespace

Subject subject_of(const Walk& walk, const Finding& finding, unsigned depth) {
  Subject subject;
  subject.loop = is_among(kAboutLoop, finding.code);
  if (subject.loop || depth == 0) return subject;
  const State& state = walk.state;
  const unsigned frame = depth - 1;
  const isa::FormInfo& info = isa::info(walk.graph.at(finding.pc).form);
  if (finding.code == Code::reference_leak) {
    subject.acquired_at = static_cast<std::uint32_t>(finding.numbers[0]);
  } else if (finding.code == Code::packet_load_with_reference && !state.references.empty()) {
    subject.acquired_at = state.references.front().pc;
  } else if (is_among(kAboutResult, finding.code)) {
    subject.spots.push_back(Spot::reg(frame, 0));
  } else if (is_among(kAboutStack, finding.code)) {
    const std::int64_t off = finding.numbers[0] + (finding.code == Code::stack_uninitialized ? finding.numbers[1] : 0);
    if (off >= -kStackBytes && off < 0)
      subject.spots.push_back(
          Spot::stack(frame_of(state, walk.input.program->insns[finding.pc], info, finding.numbers[0]), off));
  } else {
    for (unsigned i = 0; i < finding.numbers.size(); ++i) {
      const std::int64_t number = finding.numbers[i];
      if (names_register(finding.code, i) && number >= 0 && number < isa::kFramePointer)
        subject.spots.push_back(Spot::reg(frame, static_cast<unsigned>(number)));
    }
    const Insn& insn = walk.input.program->insns[finding.pc];
    if (subject.spots.empty()) add_base(insn, info, frame, subject.spots);
    if (state.depth() == depth) add_size(state, info, frame, subject.spots);
    if (info.operands == isa::Operands::dst_src) add_source(insn, frame, subject.spots);
  }
  return subject;
}

}  // namespace skep::verifier
