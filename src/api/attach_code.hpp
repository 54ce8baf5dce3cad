// Which engine an image gets.
#pragma once

#include <skep/executable.hpp>

#include "lower/image.hpp"

namespace skep {

/// Whose word there is for a program.
enum class Trust : std::uint8_t {
  unproven,      ///< nobody's
  unprivileged,  ///< the verifier's; who gave it has no privileges (VerifyOptions::bpf)
  privileged,    ///< the verifier's
};

/// Gives `image` machine code as the options ask for it. `ends_soon`: its proof says that the program runs no more
/// instructions than the verifier walked, but for callbacks and may_goto, and none of them takes long. Errors, where
/// only the JIT will do: unsupported, limit; in any case those of the options' watchers.
[[nodiscard]] Result<void> attach_code(lower::Image& image, const BuildOptions& options, Trust trust, bool ends_soon);

}  // namespace skep
