// Findings as applications see them.
#pragma once

#include <string>

#include <skep/verify.hpp>

#include "verifier/diagnose/finding.hpp"

namespace skep {

/// With the table's suggestion and without a path. `malformed`: what Code::malformed is about.
[[nodiscard]] Problem problem_of(const verifier::Finding& finding, const std::string& malformed,
                                 const Program& program);

}  // namespace skep
