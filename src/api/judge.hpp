// A program of an object, put before the verifier.
#pragma once

#include <skep/verify.hpp>

#include "api/object_data.hpp"
#include "verifier/input.hpp"

namespace skep {

/// Verifies a program of `object`, with the facts that lowering needs. Reads frozen maps, and the target's types when
/// the program needs them; any number of threads.
[[nodiscard]] verifier::Report judge(const ObjectData& object, const program::Program& program,
                                     const VerifyOptions& options);

}  // namespace skep
