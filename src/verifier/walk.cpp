// The walk: one path after the other, until all have ended or enough rules are broken.
#include "verifier/walk.hpp"

#include <algorithm>

#include "verifier/facts.hpp"
#include "verifier/observer.hpp"
#include "verifier/transfer/transfer.hpp"

namespace skep::verifier {

Objection Walk::check_readable(const Step& step, unsigned number) const {
  if (state.reg(number).kind != RegKind::uninit) return {};
  return step.finds(Code::register_uninitialized, {number});
}

Objection Walk::check_writable(const Step& step, unsigned number) const {
  if (number != isa::kFramePointer) return {};
  return step.finds(Code::frame_pointer_write);
}

Objection Walk::note_access(const Step& step, unsigned number) {
  const auto is_rewritten = [](RegKind kind) {
    return kind == RegKind::ctx || kind == RegKind::sock || kind == RegKind::sock_common || kind == RegKind::tcp_sock ||
           kind == RegKind::xdp_sock || kind == RegKind::btf_object;
  };
  const RegKind kind = state.reg(number).kind;
  if (accessed_through_.empty()) accessed_through_.resize(input.program->insns.size(), RegKind::uninit);
  RegKind& before = accessed_through_[step.pc];
  if (before == RegKind::uninit) before = kind;
  if (before == kind || (!is_rewritten(before) && !is_rewritten(kind))) return {};
  return step.finds(Code::access_two_kinds, {number}, name_of(kind));
}

Objection Walk::put_aside(const Step& step, State branch) {
  if (waiting_.size() >= input.options.limits.branches)
    return step.finds(Code::too_many_branches, {input.options.limits.branches});
  if (used_bytes() > input.options.limits.bytes)
    return step.finds(Code::too_much_memory, {static_cast<std::int64_t>(input.options.limits.bytes >> 20)});
  if (input.observer != nullptr) input.observer->put_aside(*this, step.pc, branch.pc);
  if (branch.parent != nullptr) ++branch.parent->branches;
  waiting_.push_back(std::move(branch));
  stats.longest_queue = std::max(stats.longest_queue, static_cast<std::uint32_t>(waiting_.size()));
  return {};
}

bool Walk::has_room() {
  const std::size_t limit = input.options.limits.bytes;
  if (used_bytes() < limit / 8 * 5) return true;
  if (stats.processed < no_room_before_) return false;
  explored.forget(*this);
  // What is left may all be needed; then looking again and again would take longer than walking on.
  constexpr std::uint32_t kPause = 4096;
  if (used_bytes() > limit / 2) no_room_before_ = stats.processed + kPause;
  return used_bytes() < limit / 8 * 5;
}

Objection Walk::walk_path() {
  ended_ = false;
  bool covered = false;
  while (!ended_) {
    const std::uint32_t pc = state.pc;
    const Insn& insn = input.program->insns[pc];
    const Place& place = graph.at(pc);
    const Step step{pc, insn, isa::info(place.form)};
    if (++stats.processed > input.options.limits.insns)
      return step.finds(Code::too_many_insns, {input.options.limits.insns});
    if (input.observer != nullptr) input.observer->arrive(*this, pc);
    if (place.prune_point) {
      const Visit visit = explored.visit(*this, place);
      covered = visit == Visit::covered;
      if (covered) break;
      if (visit == Visit::endless) return step.finds(Code::endless_loop);
    }
    // Whether to keep a state is decided by the jumps before it.
    constexpr unsigned kClassMask = 7, kJump = 5, kJump32 = 6;
    if ((insn.opcode & kClassMask) == kJump || (insn.opcode & kClassMask) == kJump32) ++stats.jumps;
    if (facts != nullptr) facts->step(*this, step);
    if (input.observer != nullptr) input.observer->step(*this, pc);
    if (auto bad = transfer(*this, step)) return bad;
  }
  if (input.observer != nullptr) input.observer->end_path(*this, covered);
  Explored::end_way(*this, state.parent);
  return {};
}

void Walk::run(State entry, Findings& findings) {
  state = std::move(entry);
  if (input.observer != nullptr) input.observer->begin(*this);
  for (;;) {
    if (auto bad = walk_path()) {
      if (input.observer != nullptr) input.observer->found(*this, *bad);
      findings.add(*bad, stats.processed);
      if (findings.is_over(stats.processed)) break;
      // What comes after the mistake would only follow from it.
      Explored::end_way(*this, state.parent);
    }
    if (waiting_.empty() || findings.is_over(stats.processed)) break;
    state = std::move(waiting_.back());
    waiting_.pop_back();
    if (input.observer != nullptr) input.observer->resume(*this);
  }
  if (input.observer != nullptr) input.observer->end(*this);
}

}  // namespace skep::verifier
