// Programs on engines, timed in rounds.
//
// What others do on the machine only ever adds to a time, in bursts that are long beside one measurement. So a round
// measures everything once, one program's engines right behind each other; the least of all rounds counts.
#pragma once

#include <limits>
#include <string>
#include <vector>

#include "programs.hpp"

namespace skep::bench {

struct RunRow {
  const BenchProgram* program = nullptr;
  double insns = 0;        ///< that one run executes
  std::vector<double> ns;  ///< a run, in the order of engines(); not a number where the engine was skipped
  double compile_ns = std::numeric_limits<double>::quiet_NaN();  ///< an instruction in the object, by our JIT
};

/// Runs every program on every engine a few times; false, with a line on stderr for each, when two results differ.
[[nodiscard]] bool engines_agree();

/// Measures those of run/<program>/<engine> that `filter` (a regular expression) finds; empty: all.
[[nodiscard]] std::vector<RunRow> measure_runs(const std::string& filter);

}  // namespace skep::bench
