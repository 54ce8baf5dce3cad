// A refusal explained: the program is verified again, watched this time, and each finding gets the steps that lead to
// it, with the values that mattered, and what to do about it.
//
// Nothing of this runs in an ordinary verification. It costs two more of them, and memory for the longest path (12
// bytes a step) and for the states at the steps that matter.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "verifier/input.hpp"

namespace skep::verifier {

/// One step on the way to a finding.
struct PathStep {
  std::uint32_t pc = 0;
  std::string note;  ///< "r2 = packet, no byte proven readable"
};

struct Explanation {
  Finding finding;
  std::string suggestion;  ///< empty where there is no common answer
  /// The steps that matter, in order; the last is the finding's instruction. Empty where no path leads to the finding.
  std::vector<PathStep> path;
};

struct Explained {
  Report report;                      ///< as verify() gives it, findings without those that follow from one before
  std::vector<Explanation> findings;  ///< one a finding of the report
};

/// verify(), looking for up to `max_findings`, and what there is to say of each. `input.observer` is not told.
[[nodiscard]] Explained explain(const Input& input, std::uint32_t max_findings);

}  // namespace skep::verifier
