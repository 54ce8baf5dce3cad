// Where a verification spends its time: which instructions are walked how often, and where pruning does not help.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "verifier/input.hpp"

namespace skep::verifier {

struct ProfileRow {
  std::uint32_t pc = 0;
  std::uint64_t processed = 0;  ///< walked over
  std::uint64_t covered = 0;    ///< a path ended here: one before had shown as much
  std::uint64_t missed = 0;     ///< a path came here again and had to go on
  std::string why;  ///< what differed most often from the path before, with the last values: "r6: 3, before 2"
};

/// verify(), counted. One row an instruction that was reached, by pc. `input.observer` is not told.
[[nodiscard]] std::vector<ProfileRow> profile(const Input& input);

}  // namespace skep::verifier
