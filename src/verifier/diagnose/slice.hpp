// Going back over a path: which of its steps have a say in what a finding is about.
//
// From the finding's registers and slots back along definitions: what wrote them, and what that was made of. Steps that
// may have changed what is known of a value without writing it (branches, calls) are kept as candidates; whether they
// did is seen in the snapshots.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "verifier/diagnose/subject.hpp"
#include "verifier/diagnose/trace.hpp"

namespace skep::verifier {

struct Clue {
  enum class Kind : std::uint8_t {
    writes,     ///< gives `spot` its value
    passes,     ///< the value goes into a function or comes out of it
    takes,      ///< a call leaves nothing in `spot`
    may_learn,  ///< a branch, or a call: matters if what is known of `spot` changes
    acquires,   ///< the reference that leaks begins here
    chooses,    ///< a branch on the way to a leak
    repeats,    ///< a branch of the loop; `before` is the same one a round earlier
  };
  Kind kind = Kind::writes;
  Spot spot;  ///< as named after the step
  std::uint32_t pc = 0;
  std::uint32_t serial = 0;  ///< the step; its state is from before it
  std::uint32_t after = 0;   ///< the next step of the path, or the finding's own when there is none
  std::uint32_t to = 0;      ///< the next step's pc
  std::uint32_t before = 0;  ///< repeats: serial of the earlier one; else 0
  bool first = false;        ///< where the value comes from: nothing before it matters
};

/// The clues in the order of the path. `pc_after`, `serial_after`: what would come after the path's last step.
[[nodiscard]] std::vector<Clue> slice(const program::Program& program, std::span<const Mark> path,
                                      const Subject& subject, std::uint32_t pc_after);

}  // namespace skep::verifier
