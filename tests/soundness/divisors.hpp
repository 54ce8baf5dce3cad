// Whether what a run divides by is 0 only where the verifier's facts say that it may be.
#pragma once

#include <string>

#include "program/program.hpp"
#include "soundness/trace.hpp"
#include "verifier/facts.hpp"

namespace skep::soundness {

/// Goes through `trace`, a run of `program`, which was accepted. Empty when no register that is never 0 was 0 as a
/// divisor; else the first division.
[[nodiscard]] std::string find_zero_divisor(const Trace& trace, const program::Program& program,
                                            const verifier::Facts& facts);

}  // namespace skep::soundness
