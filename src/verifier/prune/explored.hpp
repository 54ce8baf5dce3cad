// What was walked already: checkpoints by instruction, and whether a new path may stop because one of them covers it.
//
// A checkpoint whose ways on all ended (branches == 0) covers a state that is within it: only what some way on read
// matters, and scalars only where a way on relied on them. One that is still open is an ancestor of the path at hand;
// only places where the kernel bounds the repetition (callbacks, may_goto) may stop at such, and then every value has
// to be within. What an open one turns out to need later is brought to the paths that stopped at it when it closes.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <unordered_map>
#include <vector>

#include "verifier/prune/values.hpp"
#include "verifier/state/state.hpp"

namespace skep::verifier {

class Walk;
struct Place;

struct Checkpoint;

/// A path that stopped at a checkpoint whose needs were not all known.
struct Backedge {
  const Checkpoint* at = nullptr;
  State state;
};

struct Checkpoint {
  State state;                 ///< its parent is the checkpoint before
  std::uint32_t branches = 1;  ///< ways on that have not ended
  std::uint32_t hits = 0, misses = 0;
  std::uint32_t level = 0;                       ///< checkpoints before it on its path
  std::array<std::uint64_t, kMaxFrames> read{};  ///< slots that some way on reads before it writes them
  Checkpoint* loop = nullptr;                    ///< the open checkpoint that a way on stopped at; the outermost
  bool heads_loop = false;                       ///< some checkpoint has it as its `loop`
  std::vector<Backedge> backedges;
};

/// How much of two states has to agree.
enum class Compare : std::uint8_t {
  needed,  ///< what a way on needs
  within,  ///< everything, by range
  exact,   ///< everything, the same
};

enum class Visit : std::uint8_t { go_on, covered, endless };

class Explored {
 public:
  /// Asks whether the walk's state at its pc is covered; if not, may keep it as a checkpoint.
  [[nodiscard]] Visit visit(Walk& walk, const Place& place);
  /// A way on of `parent`, and with it perhaps of those before, has ended.
  static void end_way(Walk& walk, Checkpoint* parent);
  /// The latest checkpoint at this pc and call depth on the way to the walk's state; null when there is none.
  [[nodiscard]] static const Checkpoint* previous_visit(const State& state, std::uint32_t pc, unsigned depth) noexcept;

  [[nodiscard]] std::uint32_t kept() const noexcept { return kept_; }

 private:
  using Chain = std::vector<std::unique_ptr<Checkpoint>>;

  [[nodiscard]] static bool covers_open(Walk& walk, const Checkpoint& checkpoint, const Place& place, bool& endless);
  static void take_over_needs(Walk& walk, const Checkpoint& checkpoint, const State& state);
  static void close_loop(Walk& walk, Checkpoint& checkpoint);
  [[nodiscard]] bool missed(Chain& chain, std::size_t index, bool count, const Place& place);
  void sweep();
  void keep(Walk& walk, Chain& chain);

  std::unordered_map<std::uint64_t, Chain> chains_;
  std::vector<std::unique_ptr<Checkpoint>> retired_;  ///< no longer compared with, but others still name them
  std::size_t sweep_at_ = 64;                         ///< how many of those are looked through for ones nobody names
  std::uint32_t kept_ = 0;
  std::uint32_t last_jumps_ = 0, last_processed_ = 0;
};

/// A path reads slots of a frame: the checkpoints it came through answer for what they hold.
void note_read(const State& state, unsigned frame, std::uint64_t slots) noexcept;
/// True when `now` may stop because `old`'s ways on cover it.
[[nodiscard]] bool covers(const Walk& walk, const Checkpoint& old, const State& now, Compare how);
/// Forgets the bounds of scalars that differ from the checkpoint's and that nothing relied on, so that repetitions of a
/// bounded loop meet.
void widen(const Walk& walk, const Checkpoint& old, State& now);

}  // namespace skep::verifier
