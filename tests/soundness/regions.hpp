// Whether a run touches, with each load, store and atomic, only the region that the verifier's facts name.
#pragma once

#include <string>

#include "soundness/machine.hpp"
#include "soundness/trace.hpp"
#include "verifier/facts.hpp"

namespace skep::soundness {

/// Goes through `trace`, a run of an accepted program in `around`. Where the object starts is the run's own knowledge,
/// not the verifier's; what this machine has no objects of (sockets, kernel objects) is not asked. Empty when nothing
/// is outside; else the first access that is.
[[nodiscard]] std::string find_outside_region(const Trace& trace, const verifier::Facts& facts,
                                              const Surroundings& around);

}  // namespace skep::soundness
