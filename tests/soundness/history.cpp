// Steps are kept in the order of the walk; a path that is taken up again goes on behind the step that put it aside.
#include "soundness/history.hpp"

namespace skep::soundness {
namespace {

std::uint64_t key(Meeting at) { return std::uint64_t{at.depth} << 32 | at.pc; }

/// States share their parts, and those go with the walk.
SeenFrame copy_of(const verifier::Frame& frame) {
  SeenFrame copy;
  copy.registers = frame.regs;
  copy.call_pc = frame.call_pc;
  for (unsigned i = 0; i < frame.stack.size(); ++i) {
    const verifier::Slot& slot = frame.stack[i];
    if (slot.bytes == verifier::Slot{}.bytes) continue;
    copy.slots.push_back({i, slot});
    if (slot.is_spill()) copy.slots.back().slot.spilled = frame.spilled(i);
  }
  return copy;
}

}  // namespace

const WalkRecord* History::function_walk(std::uint32_t pc) const {
  for (std::size_t i = 1; i < walks_.size(); ++i)
    if (walks_[i].start == pc) return &walks_[i];
  return nullptr;
}

const std::vector<std::uint32_t>& History::kept(const WalkStep& like, Meeting at) const {
  static const std::vector<std::uint32_t> kNobody;
  const auto& kept = walk_of(like).kept;
  const auto found = kept.find(key(at));
  return found == kept.end() ? kNobody : found->second;
}

void History::begin(const verifier::Walk& walk) {
  if (live_.empty())
    for (std::uint32_t pc = 0; pc < walk.input.program->insns.size(); ++pc) live_.push_back(walk.graph.at(pc).live);
  walks_.push_back({walk.state.pc, static_cast<std::uint32_t>(steps_.size()), {}, {}});
  before_ = kNone;
  parent_ = nullptr;
  waiting_.clear();
}

void History::step(const verifier::Walk& walk, std::uint32_t pc) {
  if (steps_.size() >= most_steps_) too_long_ = true;
  if (too_long_) return;
  const auto index = static_cast<std::uint32_t>(steps_.size());
  WalkStep& step = steps_.emplace_back();
  step.at = {pc, walk.state.depth()};
  for (const auto& frame : walk.state.frames) step.frames.push_back(copy_of(*frame));
  for (const verifier::Reference& reference : walk.state.references) step.references.push_back(reference.id);
  step.speculative = walk.state.speculative;
  step.walk = static_cast<std::uint32_t>(walks_.size() - 1);
  if (before_ != kNone) steps_[before_].next.push_back(index);
  if (walk.state.parent != parent_) walks_.back().kept[key({pc, walk.state.depth()})].push_back(index);
  before_ = index;
  parent_ = walk.state.parent;
}

void History::put_aside(const verifier::Walk&, std::uint32_t, std::uint32_t) {
  waiting_.emplace_back(before_, parent_);
}

void History::end_path(const verifier::Walk& walk, bool covered) {
  if (covered && !too_long_) steps_[before_].covered.push_back({walk.state.pc, walk.state.depth()});
}

void History::resume(const verifier::Walk&) {
  std::tie(before_, parent_) = waiting_.back();
  waiting_.pop_back();
}

void History::end(const verifier::Walk& walk) {
  std::vector<bool>& precise = walks_.back().precise;
  precise.resize(walk.values.size());
  for (std::size_t node = 0; node < precise.size(); ++node)
    precise[node] = walk.values.precise(static_cast<verifier::ValueNode>(node));
}

}  // namespace skep::soundness
