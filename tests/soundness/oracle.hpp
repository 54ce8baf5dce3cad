// Whether a run stayed inside what the verifier explored.
//
// The run is followed along the explored paths. Before each instruction, each register and slot of stack that is used
// later on must hold a value inside one of the states that the verifier was in there, on a path that the run can have
// taken: pointers inside the object they are said to point to, at an offset they are said to have; numbers, where
// something relied on them, with all their bounds and known bits, and equal to those they are said to equal; and as
// many references held as are said to be.
#pragma once

#include <span>
#include <string>

#include "soundness/history.hpp"
#include "soundness/machine.hpp"
#include "soundness/trace.hpp"

namespace skep::soundness {

/// Follows `trace`, a run in `around`, through `history`. Empty when nothing is wrong with it; else what is.
[[nodiscard]] std::string find_violation(const History& history, const Trace& trace, const Surroundings& around);

}  // namespace skep::soundness
