// Is what a run holds inside one state of the verifier?
#pragma once

#include <string>

#include "soundness/history.hpp"
#include "soundness/machine.hpp"
#include "soundness/trace.hpp"

namespace skep::soundness {

/// Where in a run a walk began: a global function is walked as if its frame were the first.
struct Base {
  std::uint32_t frames = 0;   ///< of the run, below the walk's first
  std::uint32_t records = 0;  ///< held when the walk began
};

/// Empty when `moment`, as far as `demand` and the verifier's own liveness ask for it, is inside the step's state; else
/// the first thing that is not.
[[nodiscard]] std::string find_outside(const History& history, const WalkStep& step, const Moment& moment,
                                       const Demand& demand, const Surroundings& around, const Base& base);

}  // namespace skep::soundness
