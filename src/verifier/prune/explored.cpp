// Visiting a place where paths meet: stop, go on, or notice that a loop makes no progress.
#include "verifier/prune/explored.hpp"

#include <algorithm>

#include "verifier/walk.hpp"

namespace skep::verifier {
namespace {

std::uint64_t key_of(const State& state) {
  const std::uint64_t call = state.depth() > 1 ? state.top().call_pc + std::uint64_t{1} : 0;
  return call << 32 | state.pc;
}

bool is_open(const Checkpoint& checkpoint) { return checkpoint.branches > 0; }

/// Its needs are not all known: a way on stopped at a checkpoint that is open still.
bool is_incomplete(const Checkpoint& checkpoint) { return checkpoint.loop != nullptr && checkpoint.loop->branches > 0; }

/// No call has called back again in between.
bool same_rounds(const State& old, const State& now) {
  return std::equal(old.frames.begin(), old.frames.end(), now.frames.begin(), now.frames.end(),
                    [](const auto& a, const auto& b) { return a->callback.depth == b->callback.depth; });
}

/// Everything a path stopped for may be asked of those before it.
void note_loop(Checkpoint* from, Checkpoint* loop) {
  for (Checkpoint* c = from; c != nullptr && c->level >= loop->level; c = c->state.parent)
    if (c->loop == nullptr || c->loop->branches == 0 || c->loop->level > loop->level) c->loop = loop;
  loop->heads_loop = true;
}

}  // namespace

void note_read(const State& state, unsigned frame, std::uint64_t slots) noexcept {
  std::uint64_t asked = slots & ~state.written[frame];
  for (Checkpoint* c = state.parent; c != nullptr && (asked &= ~c->read[frame]) != 0; c = c->state.parent) {
    c->read[frame] |= asked;
    asked &= ~c->state.written[frame];
  }
}

const Checkpoint* Explored::previous_visit(const State& state, std::uint32_t pc, unsigned depth) noexcept {
  for (const Checkpoint* c = state.parent; c != nullptr; c = c->state.parent)
    if (c->state.pc == pc && c->state.depth() == depth) return c;
  return nullptr;
}

bool Explored::covers_open(Walk& walk, const Checkpoint& checkpoint, const Place& place, bool& endless) {
  // Callbacks and may_goto end by themselves: another round within the last one shows nothing new.
  const bool another_round = place.calls_back || checkpoint.state.may_goto_depth != walk.state.may_goto_depth;
  if (place.force_checkpoint && another_round && covers(walk, checkpoint, walk.state, Compare::within)) return true;
  if (place.calls_back) return false;
  endless = checkpoint.state.may_goto_depth == walk.state.may_goto_depth && same_rounds(checkpoint.state, walk.state) &&
            covers(walk, checkpoint, walk.state, Compare::exact);
  return false;
}

void Explored::take_over_needs(Walk& walk, const Checkpoint& old, const State& now) {
  for (unsigned f = 0; f < now.depth(); ++f) {
    note_read(now, f, old.read[f]);
    const Frame& before = *old.state.frames[f];
    const Frame& after = *now.frames[f];
    for (unsigned i = 0; i < isa::kFramePointer; ++i)
      if (before.regs[i].is_scalar() && walk.values.precise(before.regs[i].node))
        walk.values.mark_precise(after.regs[i].node);
    const std::size_t slots = std::min(before.slots.size(), after.slots.size());
    for (std::size_t i = 0; i < slots; ++i)
      if (before.slots[i].is_spill() && after.slots[i].is_spill() && before.slots[i].spilled.is_scalar() &&
          walk.values.precise(before.slots[i].spilled.node))
        walk.values.mark_precise(after.slots[i].spilled.node);
  }
}

void Explored::close_loop(Walk& walk, Checkpoint& checkpoint) {
  // Needs only grow, and a round that adds none is the last: at most one round for each thing there is to need.
  for (std::uint64_t before = ~walk.values.marks(); before != walk.values.marks();) {
    before = walk.values.marks();
    const auto read = checkpoint.read;
    for (const Backedge& edge : checkpoint.backedges) take_over_needs(walk, *edge.at, edge.state);
    if (read != checkpoint.read) before = ~walk.values.marks();
  }
  checkpoint.backedges.clear();
}

void Explored::end_way(Walk& walk, Checkpoint* parent) {
  for (Checkpoint* c = parent; c != nullptr; c = c->state.parent) {
    if (--c->branches > 0) return;
    if (!c->backedges.empty()) close_loop(walk, *c);
  }
}

/// A checkpoint that covers nothing time and again is not worth comparing with. True when it left the chain.
bool Explored::missed(Chain& chain, std::size_t index, bool count, const Place& place) {
  Checkpoint& old = *chain[index];
  if (count) ++old.misses;
  const std::uint32_t patience = place.force_checkpoint && is_open(old) ? 64 : 3;
  if (old.misses <= old.hits * patience + patience) return false;
  --kept_;
  if (is_open(old) || is_incomplete(old) || old.heads_loop) {
    retired_.push_back(std::move(chain[index]));
    if (retired_.size() >= sweep_at_) sweep();
  }
  chain.erase(chain.begin() + static_cast<std::ptrdiff_t>(index));
  return true;
}

void Explored::sweep() {
  std::erase_if(retired_, [](const std::unique_ptr<Checkpoint>& old) {
    return !is_open(*old) && !is_incomplete(*old) && !old->heads_loop;
  });
  sweep_at_ = std::max<std::size_t>(2 * retired_.size(), 64);
}

Visit Explored::visit(Walk& walk, const Place& place) {
  Chain& chain = chains_[key_of(walk.state)];
  const std::uint32_t jumps = walk.stats.jumps;
  bool add = walk.input.options.check_often || place.force_checkpoint ||
             (jumps - last_jumps_ >= 2 && walk.stats.processed - last_processed_ >= 8);
  for (std::size_t i = 0; i < chain.size();) {
    Checkpoint& old = *chain[i];
    if (is_open(old)) {
      bool endless = false;
      if (covers_open(walk, old, place, endless)) {
        ++old.hits;
        take_over_needs(walk, old, walk.state);
        note_loop(walk.state.parent, &old);
        old.backedges.push_back({&old, walk.state});
        return Visit::covered;
      }
      if (endless) return Visit::endless;
      // In a loop that is being unrolled, few states are worth keeping: each iteration differs from the last.
      const bool soon = jumps - last_jumps_ < 20 && walk.stats.processed - last_processed_ < 100;
      if (soon && !place.force_checkpoint && !walk.input.options.check_often) add = false;
      if (!missed(chain, i, add, place)) ++i;
      continue;
    }
    const bool incomplete = is_incomplete(old);
    if (covers(walk, old, walk.state, incomplete ? Compare::within : Compare::needed)) {
      ++old.hits;
      take_over_needs(walk, old, walk.state);
      if (incomplete) {
        note_loop(walk.state.parent, old.loop);
        old.loop->backedges.push_back({&old, walk.state});
      }
      return Visit::covered;
    }
    if (!missed(chain, i, add, place)) ++i;
  }
  if (add) keep(walk, chain);
  return Visit::go_on;
}

void Explored::keep(Walk& walk, Chain& chain) {
  State& state = walk.state;
  // From here on this checkpoint answers for what the live scalars are.
  Frame& top = state.change_top();
  const std::uint16_t live = walk.graph.at(state.pc).live;
  for (unsigned i = 0; i < isa::kFramePointer; ++i) {
    Register& reg = top.regs[i];
    if ((live >> i & 1) != 0) {
      if (reg.is_scalar()) reg.node = walk.values.keep(reg.node);
    } else {
      reg = {};
    }
  }
  for (Slot& slot : top.slots)
    if (slot.is_spill() && slot.spilled.is_scalar()) slot.spilled.node = walk.values.keep(slot.spilled.node);
  auto checkpoint = std::make_unique<Checkpoint>();
  checkpoint->state = state;
  checkpoint->level = state.parent != nullptr ? state.parent->level + 1 : 1;
  state.parent = checkpoint.get();
  state.written = {};
  walk.stats.most_states_at_insn = std::max(walk.stats.most_states_at_insn, static_cast<std::uint32_t>(chain.size()));
  chain.push_back(std::move(checkpoint));
  ++kept_;
  ++walk.stats.total_states;
  walk.stats.peak_states = std::max(walk.stats.peak_states, kept_);
  last_jumps_ = walk.stats.jumps;
  last_processed_ = walk.stats.processed;
}

}  // namespace skep::verifier
