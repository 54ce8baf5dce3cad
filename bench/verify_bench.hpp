// skep_bench --verify: the verifier beside Linux' own, on the same programs in one run.
#pragma once

#include <span>
#include <string>

namespace skep::bench {

/// Verifies every program in the objects (*.o) of the folders, or in the executables of "package:NAME", here and in the
/// running kernel where that is allowed; prints a table and one line of TSV a program into `tsv`, if not empty. Gives
/// the process's exit code.
[[nodiscard]] int bench_verify(std::span<const std::string> sources, const std::string& tsv);

}  // namespace skep::bench
