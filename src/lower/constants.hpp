// Which numbers are known before the run: forwards over the program, each branch that can be taken once.
#pragma once

#include <memory>
#include <span>

#include "lower/settle.hpp"

namespace skep::lower {

/// Writes known numbers into the instructions of `settled` and says of each whether it is reached, where it goes on and
/// what it computes. `settled` holds the program as it is.
void find_constants(const program::Program& program, const verifier::Facts& facts,
                    std::span<const std::shared_ptr<maps::MapStorage>> maps, SettledProgram& settled);

}  // namespace skep::lower
