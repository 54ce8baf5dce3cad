// The raw-instruction tests of Linux' own suite, with the maps that they name taken from Ground's table.
#pragma once

#include <vector>

#include "soundness/generator.hpp"

namespace skep::soundness {

/// All but those that need other maps or kernel functions; none when the file is not here.
[[nodiscard]] std::vector<Generated> raw_tests();

}  // namespace skep::soundness
