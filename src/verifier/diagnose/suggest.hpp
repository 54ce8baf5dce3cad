// What to do about a finding: the table's answer, or a better one where the numbers are at hand.
#pragma once

#include <optional>
#include <string>

#include "verifier/diagnose/finding.hpp"
#include "verifier/diagnose/slice.hpp"
#include "verifier/input.hpp"
#include "verifier/state/state.hpp"

namespace skep::verifier {

/// What is known of a finding besides itself. All views outlive the call.
struct Scene {
  const Input& input;
  const Finding& finding;
  const State* state = nullptr;   ///< before the instruction; null when no path leads there
  std::span<const Clue> clues{};  ///< what matters on the way
};

/// Empty where there is no common answer.
[[nodiscard]] std::string suggest(const Scene& scene);

}  // namespace skep::verifier
