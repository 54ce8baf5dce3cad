// What is printed: one table of the runs, each engine beside native code, with the geometric means, and one list of
// everything else. Google Benchmark's own lines are in --benchmark_out.
#pragma once

#include <map>
#include <span>
#include <string>

#include <benchmark/benchmark.h>

#include "run_bench.hpp"

namespace skep::bench {

/// The table; below it who is slowest and the means, the line `geomean: jit R, interpreter R, kernel R` last. Empty
/// without rows.
[[nodiscard]] std::string runs_table(std::span<const RunRow> rows);

/// Lists what Google Benchmark measured. Keeps the least CPU time of all repetitions: what others on the machine add is
/// never negative.
class ListReporter final : public benchmark::BenchmarkReporter {
 public:
  bool ReportContext(const Context& context) override;
  void ReportRuns(const std::vector<Run>& runs) override;
  void Finalize() override;

 private:
  std::map<std::string, double> least_ns_;  // by benchmark name
};

}  // namespace skep::bench
