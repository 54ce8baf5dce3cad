// What was walked already: checkpoints by instruction, and whether a new path may stop because one of them covers it.
//
// A checkpoint whose ways on all ended (branches == 0) covers a state that is within it: only what some way on read
// matters, and scalars only where a way on relied on them. One that is still open is an ancestor of the path at hand;
// only places where the kernel bounds the repetition (callbacks, may_goto) may stop at such, and then every value has
// to be within. What an open one turns out to need later is brought to the paths that stopped at it when it closes.
#pragma once

#include <array>
#include <cstdint>
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

/// What rejects most comparisons before they start. Registers are those of the innermost frame that are live.
struct Fingerprint {
  std::uint64_t place = 0;   ///< depth of calls, and where the innermost was made
  std::uint64_t kinds = 0;   ///< five bits a register
  std::uint64_t known = 0;   ///< all five, where something was written
  std::uint64_t digest = 0;  ///< of all that is known of them; 0: not asked for yet
};

struct Checkpoint {
  State state;  ///< its parent is the checkpoint before
  Fingerprint print;
  Checkpoint* next = nullptr;  ///< at the same instruction, or among the retired
  std::uint32_t branches = 1;  ///< ways on that have not ended
  std::uint32_t hits = 0, misses = 0;
  std::uint32_t serial = 0;                      ///< counts those ever kept
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
  Explored() = default;
  Explored(const Explored&) = delete;
  Explored& operator=(const Explored&) = delete;
  ~Explored();

  /// Asks whether the walk's state at its pc is covered; if not, may keep it as a checkpoint.
  [[nodiscard]] Visit visit(Walk& walk, const Place& place);
  /// A way on of `parent`, and with it perhaps of those before, has ended.
  static void end_way(Walk& walk, Checkpoint* parent);
  /// The latest checkpoint at this pc and call depth on the way to the walk's state; null when there is none.
  [[nodiscard]] static const Checkpoint* previous_visit(const State& state, std::uint32_t pc, unsigned depth) noexcept;
  /// Forgets what nobody needs any more, so that less memory is held: less is covered, but no verdict changes.
  void forget(Walk& walk);

  [[nodiscard]] std::uint32_t kept() const noexcept { return kept_; }
  [[nodiscard]] std::size_t used_bytes() const noexcept { return checkpoints_.used_bytes(); }
  [[nodiscard]] std::size_t held_bytes() const noexcept {
    return checkpoints_.held_bytes() + heads_.capacity() * sizeof(Checkpoint*);
  }

 private:
  [[nodiscard]] static Visit compare(Walk& walk, Checkpoint& old, Fingerprint& now, const Place& place);
  [[nodiscard]] static Visit compare_open(Walk& walk, Checkpoint& old, Fingerprint& now, const Place& place);
  static void take_over_needs(Walk& walk, const Checkpoint& checkpoint, const State& state);
  static void close_loop(Walk& walk, Checkpoint& checkpoint);
  void remove(Checkpoint*& link, bool keeps_frames);
  void free(Checkpoint* checkpoint) noexcept;
  void sweep();
  /// `others`: kept at this instruction already.
  void keep(Walk& walk, const Fingerprint& print, std::uint32_t others);

  Pool checkpoints_{sizeof(Checkpoint)};
  std::vector<Checkpoint*> heads_;  ///< by pc: the latest
  Checkpoint* retired_ = nullptr;   ///< no longer compared with, but others still name them
  std::size_t retired_count_ = 0;
  std::size_t sweep_at_ = 64;  ///< how many of those are looked through for ones nobody names
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
