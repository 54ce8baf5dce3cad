// What holds at one instruction on one path: a stack of frames, and the references the program has to give back.
//
// Copying is cheap: frames are shared until changed, and so is what is on their stacks.
#pragma once

#include <algorithm>
#include <array>
#include <bit>
#include <cstdint>
#include <vector>

#include "isa/table.hpp"
#include "verifier/state/cow.hpp"
#include "verifier/state/register.hpp"
#include "verifier/state/stack.hpp"

namespace skep::verifier {

inline constexpr unsigned kMaxFrames = 8;

/// How a function came to be called back by a helper.
struct Callback {
  std::uint32_t helper = 0;  ///< 0: called by the program itself
  bool async = false;        ///< runs later, on its own (timers)
  std::uint32_t depth = 0;   ///< how often this call site has called back on this path
};

struct Frame {
  std::array<Register, isa::kRegisters> regs;
  Stack stack;
  std::array<ValueNode, kSlots> nodes{};  ///< of spilled scalars
  std::uint64_t spills = 0;               ///< slots that hold a register
  std::uint32_t call_pc = 0;              ///< where the caller goes on from
  std::uint32_t subprog = 0;
  Callback callback;

  /// A spilled register with all that is known of it.
  [[nodiscard]] Register spilled(unsigned slot) const noexcept {
    Register reg = stack[slot].spilled;
    reg.node = nodes[slot];
    return reg;
  }
  void set_spilled(unsigned slot, const Register& reg) {
    nodes[slot] = reg.node;
    spills |= std::uint64_t{1} << slot;
    Register& spilled = stack.change(slot).spilled;
    spilled = reg;
    spilled.node = 0;
  }
  /// What was spilled is no value any more: its bytes are just bytes.
  void scrub(unsigned slot) {
    const std::uint64_t bit = std::uint64_t{1} << slot;
    if ((spills & bit) == 0) return;
    spills &= ~bit;
    Slot& cell = stack.change(slot);
    for (StackByte& byte : cell.bytes)
      if (byte == StackByte::spill) byte = StackByte::misc;
    cell.spilled = {};
  }
};

/// Calls `visit(slot)` for each slot in a set.
template <class Visit>
void for_each_slot(std::uint64_t slots, Visit visit) {
  for (; slots != 0; slots &= slots - 1) visit(static_cast<unsigned>(std::countr_zero(slots)));
}

/// The frames of a path, outermost first; each of them exists.
class Frames {
 public:
  [[nodiscard]] unsigned size() const noexcept { return size_; }
  [[nodiscard]] Cow<Frame>& operator[](unsigned i) noexcept { return frames_[i]; }
  [[nodiscard]] const Cow<Frame>& operator[](unsigned i) const noexcept { return frames_[i]; }
  [[nodiscard]] Cow<Frame>& back() noexcept { return frames_[size_ - 1]; }
  [[nodiscard]] const Cow<Frame>& back() const noexcept { return frames_[size_ - 1]; }
  [[nodiscard]] const Cow<Frame>* begin() const noexcept { return frames_.data(); }
  [[nodiscard]] const Cow<Frame>* end() const noexcept { return frames_.data() + size_; }
  [[nodiscard]] Cow<Frame>* begin() noexcept { return frames_.data(); }
  [[nodiscard]] Cow<Frame>* end() noexcept { return frames_.data() + size_; }
  void push_back(Cow<Frame> frame) { frames_[size_++] = std::move(frame); }  ///< at most kMaxFrames
  void pop_back() { frames_[--size_] = {}; }

 private:
  std::array<Cow<Frame>, kMaxFrames> frames_;
  unsigned size_ = 0;
};

/// Where states get their parts from. Outlives them.
struct Pools {
  Pool frames{Cow<Frame>::kBlockBytes};
  Pool chunks{Cow<Stack::Chunk>::kBlockBytes};

  std::size_t reference_bytes = 0;

  [[nodiscard]] std::size_t used_bytes() const noexcept {
    return frames.used_bytes() + chunks.used_bytes() + reference_bytes;
  }
  [[nodiscard]] std::size_t held_bytes() const noexcept {
    return frames.held_bytes() + chunks.held_bytes() + reference_bytes;
  }
};

/// Something acquired and not yet given back.
struct Reference {
  std::uint32_t id = 0;
  std::uint32_t pc = 0;        ///< where it was acquired
  std::uint32_t callback = 0;  ///< depth of the callback that acquired it, which has to release it; 0: none
};

using References = std::vector<Reference, Counted<Reference>>;
/// Registers and slots of all frames. A path that holds as many has lost one, for r10 is none to hold it: nothing
/// points to it, so nothing can give it back, and the path may not end.
inline constexpr std::size_t kMostReferences = kMaxFrames * (isa::kRegisters + kSlots);

struct Checkpoint;

struct State {
  Frames frames;
  References references;  ///< at most kMostReferences
  std::uint32_t pc = 0;
  std::uint32_t may_goto_depth = 0;
  bool speculative = false;      ///< only a processor that mispredicts goes this way
  Checkpoint* parent = nullptr;  ///< the explored state this path came through last
  /// Slots written since the parent, by frame: reads of these tell nothing of the parent's.
  std::array<std::uint64_t, kMaxFrames> written{};

  [[nodiscard]] unsigned depth() const noexcept { return frames.size(); }
  [[nodiscard]] const Frame& top() const noexcept { return *frames.back(); }
  [[nodiscard]] Frame& change_top() { return frames.back().change(); }
  [[nodiscard]] const Register& reg(unsigned number) const noexcept { return top().regs[number]; }
  [[nodiscard]] Register& change_reg(unsigned number) { return change_top().regs[number]; }

  /// Calls `visit(Register&)` for every register and spilled register for which `wanted(const Register&)`, which must
  /// not ask for the node, is true; frames without such stay shared.
  template <class Wanted, class Visit>
  void change_all(Wanted wanted, Visit visit);
};

template <class Wanted, class Visit>
void State::change_all(Wanted wanted, Visit visit) {
  for (Cow<Frame>& frame : frames) {
    for (unsigned i = 0; i < isa::kRegisters; ++i)
      if (wanted(frame->regs[i])) visit(frame.change().regs[i]);
    for_each_slot(frame->spills, [&](unsigned i) {
      if (!wanted(frame->stack[i].spilled)) return;
      Register reg = frame->spilled(i);
      visit(reg);
      frame.change().set_spilled(i, reg);
    });
  }
}

}  // namespace skep::verifier
