// Which engine an image gets.
#pragma once

#include <skep/executable.hpp>

#include "lower/image.hpp"

namespace skep {

/// Gives `image` machine code as the options ask for it. `proven`: by the verifier, loops and all. Errors, where only
/// the JIT will do: unsupported, limit; in any case those of the options' watchers.
[[nodiscard]] Result<void> attach_code(lower::Image& image, const BuildOptions& options, bool proven);

}  // namespace skep
