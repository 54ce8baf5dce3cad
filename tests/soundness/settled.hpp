// Whether what lower/ leaves out of a program makes no difference.
#pragma once

#include <string>

#include "lower/settle.hpp"
#include "soundness/machine.hpp"
#include "soundness/trace.hpp"

namespace skep::soundness {

/// Goes through `trace`, a run of the program as it is, with a second set of registers that only the settled program
/// writes, and with noise where that says nobody reads. Both must go the same way, touch the same places, store and
/// hand over the same values. Empty when they do; else where they part.
[[nodiscard]] std::string find_unsettled(const Trace& trace, const lower::SettledProgram& settled,
                                         const Surroundings& around);

}  // namespace skep::soundness
