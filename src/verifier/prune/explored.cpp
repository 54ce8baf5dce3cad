// Visiting a place where paths meet: stop, go on, or notice that a loop makes no progress.
#include "verifier/prune/explored.hpp"

#include <algorithm>
#include <bit>

#include "verifier/walk.hpp"

namespace skep::verifier {
namespace {

constexpr unsigned kKindBits = 5;
static_assert(static_cast<unsigned>(RegKind::function) < 1u << kKindBits);

Fingerprint fingerprint(const State& state, std::uint16_t live) {
  Fingerprint print;
  print.place = std::uint64_t{state.depth()} << 32 | state.top().call_pc;
  for (unsigned i = 0; i < isa::kFramePointer; ++i) {
    if ((live >> i & 1) == 0) continue;
    const auto kind = static_cast<std::uint64_t>(state.reg(i).kind);
    print.kinds |= kind << i * kKindBits;
    if (kind != 0) print.known |= ((std::uint64_t{1} << kKindBits) - 1) << i * kKindBits;
  }
  return print;
}

std::uint64_t digest(Fingerprint& print, const State& state, std::uint16_t live) {
  if (print.digest != 0) return print.digest;
  print.digest = 1;
  for (unsigned i = 0; i < isa::kFramePointer; ++i) {
    if ((live >> i & 1) == 0 || state.reg(i).kind == RegKind::uninit) continue;
    print.digest = std::rotl(print.digest, 7) + state.reg(i).digest();
  }
  print.digest |= 1;
  return print.digest;
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

Explored::~Explored() {
  const auto free_all = [this](Checkpoint* first) {
    while (first != nullptr) free(std::exchange(first, first->next));
  };
  for (Checkpoint* head : heads_) free_all(head);
  free_all(retired_);
}

void Explored::free(Checkpoint* checkpoint) noexcept {
  checkpoint->~Checkpoint();
  checkpoints_.give(checkpoint);
}

/// With one that is open still: stop at it, or notice that nothing has changed since.
Visit Explored::compare_open(Walk& walk, Checkpoint& old, Fingerprint& now, const Place& place) {
  // Callbacks and may_goto end by themselves: another round within the last one shows nothing new.
  const bool another_round = place.calls_back || old.state.may_goto_depth != walk.state.may_goto_depth;
  if (place.force_checkpoint && another_round) {
    const bool may_cover = ((old.print.kinds ^ now.kinds) & old.print.known) == 0;
    if (may_cover && covers(walk, old, walk.state, Compare::within)) return Visit::covered;
  }
  if (place.calls_back || old.state.may_goto_depth != walk.state.may_goto_depth || old.print.kinds != now.kinds ||
      digest(old.print, old.state, place.live) != digest(now, walk.state, place.live))
    return Visit::go_on;
  const bool endless = same_rounds(old.state, walk.state) && covers(walk, old, walk.state, Compare::exact);
  return endless ? Visit::endless : Visit::go_on;
}

void Explored::take_over_needs(Walk& walk, const Checkpoint& old, const State& now) {
  for (unsigned f = 0; f < now.depth(); ++f) {
    note_read(now, f, old.read[f]);
    const Frame& before = *old.state.frames[f];
    const Frame& after = *now.frames[f];
    for (unsigned i = 0; i < isa::kFramePointer; ++i)
      if (before.regs[i].is_scalar() && walk.values.precise(before.regs[i].node))
        walk.values.mark_precise(after.regs[i].node);
    for_each_slot(before.spills & after.spills & old.read[f], [&](unsigned i) {
      if (before.stack[i].spilled.is_scalar() && walk.values.precise(before.nodes[i]))
        walk.values.mark_precise(after.nodes[i]);
    });
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

/// Takes a checkpoint out of its chain.
void Explored::remove(Checkpoint*& link, bool keeps_frames) {
  Checkpoint* old = std::exchange(link, link->next);
  --kept_;
  if (!is_open(*old) && !is_incomplete(*old) && !old->heads_loop) return free(old);
  // Nobody compares with it any more, unless paths stopped at it.
  if (!keeps_frames && !is_incomplete(*old) && !old->heads_loop) old->state.frames = {};
  old->next = retired_;
  retired_ = old;
  if (++retired_count_ >= sweep_at_) sweep();
}

void Explored::sweep() {
  for (Checkpoint** link = &retired_; *link != nullptr;) {
    Checkpoint* old = *link;
    if (is_open(*old) || is_incomplete(*old) || old->heads_loop) {
      link = &old->next;
      continue;
    }
    *link = old->next;
    --retired_count_;
    free(old);
  }
  sweep_at_ = std::max<std::size_t>(2 * retired_count_, 64);
}

void Explored::forget(Walk& walk) {
  const auto is_needed = [](const Checkpoint& old) { return is_open(old) || is_incomplete(old) || old.heads_loop; };
  const std::uint32_t newest = walk.stats.total_states;
  std::uint32_t oldest = newest;
  for (const Checkpoint* head : heads_)
    for (const Checkpoint* old = head; old != nullptr; old = old->next)
      if (!is_needed(*old)) oldest = std::min(oldest, old->serial);
  // Paths resemble those walked a short while ago.
  const std::size_t enough = walk.used_bytes() / 4 * 3;
  for (const std::uint32_t last : {oldest + (newest - oldest) / 2, newest}) {
    for (Checkpoint*& head : heads_) {
      for (Checkpoint** link = &head; *link != nullptr;) {
        if (is_needed(**link) || (*link)->serial > last)
          link = &(*link)->next;
        else
          remove(*link, false);
      }
    }
    sweep();
    if (walk.used_bytes() <= enough) return;
  }
}

/// Where another checkpoint is worth comparing with at all.
Visit Explored::compare(Walk& walk, Checkpoint& old, Fingerprint& now, const Place& place) {
  if (is_open(old)) {
    const Visit visit = compare_open(walk, old, now, place);
    if (visit != Visit::covered) return visit;
    ++old.hits;
    take_over_needs(walk, old, walk.state);
    note_loop(walk.state.parent, &old);
    old.backedges.push_back({&old, walk.state});
    return visit;
  }
  if (((old.print.kinds ^ now.kinds) & old.print.known) != 0) return Visit::go_on;
  const bool incomplete = is_incomplete(old);
  if (!covers(walk, old, walk.state, incomplete ? Compare::within : Compare::needed)) return Visit::go_on;
  ++old.hits;
  take_over_needs(walk, old, walk.state);
  if (incomplete) {
    note_loop(walk.state.parent, old.loop);
    old.loop->backedges.push_back({&old, walk.state});
  }
  return Visit::covered;
}

Visit Explored::visit(Walk& walk, const Place& place) {
  if (heads_.empty()) heads_.resize(walk.input.program->insns.size());
  const std::uint32_t jumps = walk.stats.jumps;
  bool add = walk.input.options.check_often || place.force_checkpoint ||
             (jumps - last_jumps_ >= 2 && walk.stats.processed - last_processed_ >= 8);
  Fingerprint now = fingerprint(walk.state, place.live);
  std::uint32_t others = 0;
  for (Checkpoint** link = &heads_[walk.state.pc]; *link != nullptr;) {
    Checkpoint& old = **link;
    if (old.print.place != now.place) {
      link = &old.next;
      continue;
    }
    const Visit visit = compare(walk, old, now, place);
    if (visit != Visit::go_on) return visit;
    // In a loop that is being unrolled, few states are worth keeping: each iteration differs from the last.
    const bool soon = jumps - last_jumps_ < 20 && walk.stats.processed - last_processed_ < 100;
    if (is_open(old) && soon && !place.force_checkpoint && !walk.input.options.check_often) add = false;
    // One that covers nothing time and again is not worth comparing with.
    if (add) ++old.misses;
    const std::uint32_t patience = place.force_checkpoint && is_open(old) ? 64 : 3;
    if (old.misses > old.hits * patience + patience)
      remove(*link, place.force_checkpoint);
    else
      link = &old.next, ++others;
  }
  if (add && walk.has_room()) keep(walk, now, others);
  return Visit::go_on;
}

void Explored::keep(Walk& walk, const Fingerprint& print, std::uint32_t others) {
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
  for_each_slot(top.spills, [&](unsigned i) {
    if (top.stack[i].spilled.is_scalar()) top.nodes[i] = walk.values.keep(top.nodes[i]);
  });
  auto* checkpoint = new (checkpoints_.take()) Checkpoint;
  checkpoint->state = state;
  checkpoint->print = print;
  checkpoint->level = state.parent != nullptr ? state.parent->level + 1 : 1;
  checkpoint->next = heads_[state.pc];
  heads_[state.pc] = checkpoint;
  state.parent = checkpoint;
  state.written = {};
  walk.stats.most_states_at_insn = std::max(walk.stats.most_states_at_insn, others);
  ++kept_;
  checkpoint->serial = ++walk.stats.total_states;
  walk.stats.peak_states = std::max(walk.stats.peak_states, kept_);
  last_jumps_ = walk.stats.jumps;
  last_processed_ = walk.stats.processed;
}

}  // namespace skep::verifier
