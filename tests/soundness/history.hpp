// What the verifier explored: each step of each walk with the state it was taken in, and what came after it.
//
// A path that stops because an explored state covers it goes on, as far as a run is concerned, at the states that were
// kept there. Whether a number was relied on is asked when the walk is over.
#pragma once

#include <array>
#include <cstdint>
#include <unordered_map>
#include <vector>

#include "verifier/observer.hpp"
#include "verifier/walk.hpp"

namespace skep::soundness {

/// A place that paths meet at: instruction and number of frames.
struct Meeting {
  std::uint32_t pc = 0;
  std::uint32_t depth = 0;
  bool operator==(const Meeting&) const = default;
};

/// A slot of the stack that held something.
struct SeenSlot {
  unsigned number = 0;
  verifier::Slot slot;
};

struct SeenFrame {
  std::array<verifier::Register, isa::kRegisters> registers;
  std::vector<SeenSlot> slots;
  std::uint32_t call_pc = 0;
};

struct WalkStep {
  // The state before the instruction.
  Meeting at;
  std::vector<SeenFrame> frames;
  std::vector<std::uint32_t> references;
  bool speculative = false;

  std::vector<std::uint32_t> next;  ///< steps that may come after it
  std::vector<Meeting> covered;     ///< ways on that ended there because a kept state covers them
  std::uint32_t walk = 0;
};

/// One walk: over the program, or over a global function.
struct WalkRecord {
  std::uint32_t start = 0;    ///< pc of the function
  std::uint32_t root = 0;     ///< its first step
  std::vector<bool> precise;  ///< by node
  std::unordered_map<std::uint64_t, std::vector<std::uint32_t>> kept;
};

class History final : public verifier::Observer {
 public:
  explicit History(std::size_t most_steps) : most_steps_(most_steps) {}

  /// False when the walk took more steps than are wanted: there is nothing to ask then.
  [[nodiscard]] bool complete() const { return !too_long_; }
  [[nodiscard]] const WalkStep& step(std::uint32_t index) const { return steps_[index]; }
  [[nodiscard]] const WalkRecord& walk_of(const WalkStep& step) const { return walks_[step.walk]; }
  [[nodiscard]] const WalkRecord& main_walk() const { return walks_.front(); }
  /// The walk over a global function that starts at `pc`; null when it is walked into where it is called.
  [[nodiscard]] const WalkRecord* function_walk(std::uint32_t pc) const;
  /// Steps in states that were kept at a place, in one walk.
  [[nodiscard]] const std::vector<std::uint32_t>& kept(const WalkStep& like, Meeting at) const;
  [[nodiscard]] bool precise(const WalkStep& step, verifier::ValueNode node) const {
    return walk_of(step).precise[node];
  }
  /// Registers that some way on may use, by the verifier's own analysis.
  [[nodiscard]] std::uint16_t live(std::uint32_t pc) const { return live_[pc]; }

  void begin(const verifier::Walk& walk) override;
  void step(const verifier::Walk& walk, std::uint32_t pc) override;
  void put_aside(const verifier::Walk& walk, std::uint32_t pc, std::uint32_t to) override;
  void end_path(const verifier::Walk& walk, bool covered) override;
  void resume(const verifier::Walk& walk) override;
  void end(const verifier::Walk& walk) override;

 private:
  static constexpr std::uint32_t kNone = ~std::uint32_t{0};

  std::size_t most_steps_;
  bool too_long_ = false;
  std::vector<WalkStep> steps_;
  std::vector<WalkRecord> walks_;
  std::vector<std::uint16_t> live_;
  std::uint32_t before_ = kNone;                  ///< the step that the next one follows
  const verifier::Checkpoint* parent_ = nullptr;  ///< of the step before
  std::vector<std::pair<std::uint32_t, const verifier::Checkpoint*>> waiting_;
};

}  // namespace skep::soundness
