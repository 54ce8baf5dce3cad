// What holds at one instruction on one path: a stack of frames, and the references the program has to give back.
//
// Copying is cheap: frames are shared until changed. Slots count downwards from the frame pointer: slot i is the eight
// bytes at [-8(i+1), -8i); a slot's bytes are kept in ascending address order.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <vector>

#include "isa/table.hpp"
#include "verifier/state/cow.hpp"
#include "verifier/state/register.hpp"

namespace skep::verifier {

inline constexpr std::int32_t kStackBytes = 512;
inline constexpr std::int32_t kSlotBytes = 8;
inline constexpr unsigned kSlots = kStackBytes / kSlotBytes;
inline constexpr unsigned kMaxFrames = 8;

/// What a byte of the stack holds.
enum class StackByte : std::uint8_t { invalid, misc, zero, spill };

struct Slot {
  std::array<StackByte, kSlotBytes> bytes{};
  Register spilled;  ///< when bytes[0] is spill

  [[nodiscard]] bool is_spill() const noexcept { return bytes[0] == StackByte::spill; }
  /// How many bytes the spilled register takes, from the lowest.
  [[nodiscard]] unsigned spill_bytes() const noexcept {
    return static_cast<unsigned>(
        std::find_if(bytes.begin(), bytes.end(), [](StackByte b) { return b != StackByte::spill; }) - bytes.begin());
  }
};

/// How a function came to be called back by a helper.
struct Callback {
  std::uint32_t helper = 0;  ///< 0: called by the program itself
  bool async = false;        ///< runs later, on its own (timers)
  std::uint32_t depth = 0;   ///< how often this call site has called back on this path
};

struct Frame {
  std::array<Register, isa::kRegisters> regs;
  std::vector<Slot> slots;    ///< as deep as the path has written or read
  std::uint32_t call_pc = 0;  ///< where the caller goes on from
  std::uint32_t subprog = 0;
  Callback callback;
};

/// Something acquired and not yet given back.
struct Reference {
  std::uint32_t id = 0;
  std::uint32_t pc = 0;        ///< where it was acquired
  std::uint32_t callback = 0;  ///< depth of the callback that acquired it, which has to release it; 0: none
};

struct Checkpoint;

struct State {
  std::vector<Cow<Frame>> frames;
  std::vector<Reference> references;
  std::uint32_t pc = 0;
  std::uint32_t may_goto_depth = 0;
  bool speculative = false;      ///< only a processor that mispredicts goes this way
  Checkpoint* parent = nullptr;  ///< the explored state this path came through last
  /// Slots written since the parent, by frame: reads of these tell nothing of the parent's.
  std::array<std::uint64_t, kMaxFrames> written{};

  [[nodiscard]] unsigned depth() const noexcept { return static_cast<unsigned>(frames.size()); }
  [[nodiscard]] const Frame& top() const noexcept { return *frames.back(); }
  [[nodiscard]] Frame& change_top() { return frames.back().change(); }
  [[nodiscard]] const Register& reg(unsigned number) const noexcept { return top().regs[number]; }
  [[nodiscard]] Register& change_reg(unsigned number) { return change_top().regs[number]; }

  /// Calls `visit(Register&)` for every register and spilled register for which `wanted(const Register&)` is true;
  /// frames without such stay shared.
  template <class Wanted, class Visit>
  void change_all(Wanted wanted, Visit visit);
};

template <class Wanted, class Visit>
void State::change_all(Wanted wanted, Visit visit) {
  for (Cow<Frame>& frame : frames) {
    for (unsigned i = 0; i < isa::kRegisters; ++i)
      if (wanted(frame->regs[i])) visit(frame.change().regs[i]);
    for (std::size_t i = 0; i < frame->slots.size(); ++i)
      if (frame->slots[i].is_spill() && wanted(frame->slots[i].spilled)) visit(frame.change().slots[i].spilled);
  }
}

}  // namespace skep::verifier
