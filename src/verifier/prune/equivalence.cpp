// When one state covers another.
#include <algorithm>
#include <array>
#include <bit>
#include <span>
#include <vector>

#include "verifier/prune/explored.hpp"
#include "verifier/walk.hpp"

namespace skep::verifier {
namespace {

/// A list whose first entries need no memory of their own.
template <class T, std::size_t kFew>
class Few {
 public:
  void push_back(const T& value) {
    if (size_ == kFew) rest_.assign(few_.begin(), few_.end());
    if (size_ >= kFew)
      rest_.push_back(value);
    else
      few_[size_] = value;
    ++size_;
  }
  [[nodiscard]] std::span<const T> all() const noexcept {
    return size_ > kFew ? std::span<const T>(rest_) : std::span<const T>(few_.data(), size_);
  }

 private:
  std::array<T, kFew> few_;
  std::size_t size_ = 0;
  std::vector<T> rest_;
};

/// Pairs of ids that stand for the same thing in the two states.
class IdMap {
 public:
  explicit IdMap(std::uint32_t fresh) : fresh_(fresh) {}
  bool same(std::uint32_t old, std::uint32_t now) {
    if ((old == 0) != (now == 0)) return false;
    if (old == 0) return true;
    for (const auto& [a, b] : pairs_.all()) {
      if (a == old) return b == now;
      if (b == now) return false;
    }
    pairs_.push_back({old, now});
    return true;
  }
  /// Of scalars: having no id is having one of its own.
  bool same_scalar(std::uint32_t old, std::uint32_t now) {
    if (old == 0) old = ++fresh_;
    if (now == 0) now = ++fresh_;
    return same(old, now);
  }

 private:
  struct Pair {
    std::uint32_t old, now;
  };
  Few<Pair, 32> pairs_;
  std::uint32_t fresh_;
};

bool same_but_number(const Register& a, const Register& b) {
  return a.kind == b.kind && a.frame == b.frame && a.flags == b.flags && a.off == b.off &&
         (!a.is_pointer() || (a.target == b.target && a.size == b.size));
}

bool within(const Register& now, const Register& old) { return now.same_num(old) || now.num().within(old.num()); }

class Comparer {
 public:
  Comparer(const Walk& walk, const Checkpoint& old, const State& now, Compare how)
      : values_(walk.values),
        exactly_(walk.speculation.compares_exactly),
        graph_(walk.graph),
        may_leak_(walk.may_leak()),
        old_(old),
        now_(now),
        how_(how),
        ids_(1u << 31) {}

  bool run() {
    const State& old = old_.state;
    // What was only seen by misprediction proves nothing for what really runs.
    if (old.speculative && !now_.speculative) return false;
    if (old.depth() != now_.depth() || old.references.size() != now_.references.size()) return false;
    for (std::size_t i = 0; i < old.references.size(); ++i)
      if (!ids_.same(old.references[i].id, now_.references[i].id)) return false;
    for (unsigned i = 0; i < old.depth(); ++i)
      if (!frames(i)) return false;
    return true;
  }

 private:
  bool frames(unsigned index) {
    const Frame& old = *old_.state.frames[index];
    const Frame& now = *now_.frames[index];
    const bool top = index + 1 == now_.depth();
    if (old.subprog != now.subprog || old.call_pc != now.call_pc) return false;
    if (old.callback.helper != now.callback.helper || old.callback.async != now.callback.async) return false;
    // The checkpoint may have been nearer to the last round that its call makes.
    if (old.callback.depth > now.callback.depth) return false;
    // A function that is waiting gets r0 from its callee.
    const std::uint16_t live =
        top ? graph_.at(now_.pc).live
            : static_cast<std::uint16_t>(graph_.at(now_.frames[index + 1]->call_pc).live & ~std::uint16_t{1});
    for (unsigned i = 0; i < isa::kFramePointer; ++i)
      if ((live >> i & 1) != 0 && !registers(old.regs[i], old.regs[i].node, now.regs[i])) return false;
    return stacks(index, old, now);
  }

  /// `node` is old's.
  bool registers(const Register& old, ValueNode node, const Register& now) {
    if (how_ == Compare::exact) return exact(old, now);
    if (old.kind == RegKind::uninit) return true;
    if (old.kind != now.kind) return false;
    switch (old.kind) {
      case RegKind::scalar:
        return scalars(old, node, now);
      case RegKind::map_value:
      case RegKind::map_key:
      case RegKind::memory:
      case RegKind::buffer:
      case RegKind::tp_buffer:
        return same_but_number(old, now) && within(now, old) && ids_.same(old.id, now.id) &&
               ids_.same(old.reference(), now.reference());
      case RegKind::packet:
      case RegKind::packet_meta:
        return old.flags == now.flags && old.size <= now.size && old.off == now.off && ids_.same(old.id, now.id) &&
               within(now, old);
      case RegKind::uninit:
        return true;
      case RegKind::ctx:
      case RegKind::stack:
      case RegKind::map:
      case RegKind::packet_end:
      case RegKind::flow_keys:
      case RegKind::sock:
      case RegKind::sock_common:
      case RegKind::tcp_sock:
      case RegKind::xdp_sock:
      case RegKind::btf_object:
      case RegKind::function:
        return exact(old, now);
    }
    return false;
  }

  bool exact(const Register& old, const Register& now) {
    if (!same_but_number(old, now) || !old.same_num(now) || !ids_.same(old.reference(), now.reference())) return false;
    return old.is_scalar() ? ids_.same_scalar(old.id, now.id) : ids_.same(old.id, now.id);
  }

  bool scalars(const Register& old, ValueNode node, const Register& now) {
    if (exactly_) return same_but_number(old, now) && old.same_num(now) && ids_.same_scalar(old.id, now.id);
    if (how_ == Compare::needed && !values_.precise(node)) return true;
    if (old.flags != now.flags) return false;
    if (old.has(reg_flag::plus_const) && old.off != now.off) return false;
    return within(now, old) && ids_.same_scalar(old.id, now.id);
  }

  bool stacks(unsigned index, const Frame& old, const Frame& now) {
    const unsigned deepest = how_ == Compare::exact ? std::max(old.stack.size(), now.stack.size()) : old.stack.size();
    std::uint64_t asked = deepest == 0 ? 0 : ~std::uint64_t{0} >> (kSlots - deepest);
    if (how_ == Compare::needed) asked &= old_.read[index];
    for (; asked != 0; asked &= asked - 1) {
      const auto i = static_cast<unsigned>(std::countr_zero(asked));
      if (!slots(old.stack.at(i), old.nodes[i], now.stack.at(i))) return false;
    }
    return true;
  }

  /// The slot as a number, where it is nothing else: a spilled scalar, or eight bytes of whatever.
  std::optional<Register> as_number(const Slot& slot) const {
    if (slot.is_spill() && slot.spill_bytes() == kSlotBytes)
      return slot.spilled.is_scalar() ? std::optional(slot.spilled) : std::nullopt;
    for (const StackByte byte : slot.bytes)
      if (byte != StackByte::misc && !(byte == StackByte::invalid && may_leak_)) return {};
    return Register::unknown();
  }

  bool slots(const Slot& old, ValueNode node, const Slot& now) {
    if (how_ == Compare::exact) {
      if (old.bytes != now.bytes) return false;
    } else if (old.bytes != now.bytes || !old.is_spill()) {
      const auto old_number = as_number(old);
      const auto now_number = as_number(now);
      const bool any_read =
          std::any_of(old.bytes.begin(), old.bytes.end(), [](StackByte byte) { return byte != StackByte::invalid; });
      if (old_number && now_number && any_read) {
        if (!old.is_spill()) return true;  // nothing was known
        return scalars(*old_number, node, *now_number);
      }
      for (unsigned i = 0; i < kSlotBytes; ++i)
        if (!bytes(old.bytes[i], now.bytes[i])) return false;
    }
    return !old.is_spill() || registers(old.spilled, node, now.spilled);
  }

  bool bytes(StackByte old, StackByte now) const {
    if (old == StackByte::invalid) return true;
    if (old == StackByte::misc && (may_leak_ || now == StackByte::zero)) return true;
    return old == now;
  }

  const Values& values_;
  bool exactly_;
  const Graph& graph_;
  bool may_leak_;
  const Checkpoint& old_;
  const State& now_;
  Compare how_;
  IdMap ids_;
};

}  // namespace

bool covers(const Walk& walk, const Checkpoint& old, const State& now, Compare how) {
  return Comparer(walk, old, now, how).run();
}

void widen(const Walk& walk, const Checkpoint& old, State& now) {
  const auto widens = [&](const Register& before, ValueNode before_node, const Register& after, ValueNode after_node) {
    return before.is_scalar() && after.is_scalar() && !walk.values.precise(before_node) &&
           !(after_node != 0 && walk.values.precise(after_node)) && !before.same_num(after);
  };
  const unsigned depth = std::min(old.state.depth(), now.depth());
  for (unsigned f = 0; f < depth; ++f) {
    const Frame& before = *old.state.frames[f];
    Cow<Frame>& after = now.frames[f];
    for (unsigned i = 0; i < isa::kFramePointer; ++i)
      if (widens(before.regs[i], before.regs[i].node, after->regs[i], after->regs[i].node))
        after.change().regs[i] = Register::unknown();
    for_each_slot(before.spills & after->spills, [&](unsigned i) {
      if (widens(before.stack[i].spilled, before.nodes[i], after->stack[i].spilled, after->nodes[i]))
        after.change().set_spilled(i, Register::unknown());
    });
  }
}

}  // namespace skep::verifier
