// What is printed: after all measuring, one table of the runs, each engine beside native code, with the geometric
// means, and one list of everything else. Google Benchmark's own lines are in --benchmark_out.
#pragma once

#include <map>
#include <string>

#include <benchmark/benchmark.h>

namespace skep::bench {

/// Keeps the least CPU time of all repetitions: what others on the machine add is never negative.
class TableReporter final : public benchmark::BenchmarkReporter {
 public:
  bool ReportContext(const Context& context) override;
  void ReportRuns(const std::vector<Run>& runs) override;
  void Finalize() override;

 private:
  struct Cell {
    double ns = 0;  // a run
    double insns = 0;
  };
  [[nodiscard]] std::string runs_table() const;
  [[nodiscard]] std::string others_list() const;

  std::map<std::string, Cell> cells_;  // by benchmark name
};

}  // namespace skep::bench
