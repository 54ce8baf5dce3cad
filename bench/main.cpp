// skep_bench [--check | Google Benchmark's options]. Nothing is timed before all engines gave the same results.
#include <string_view>

#include <benchmark/benchmark.h>

#include "benches.hpp"
#include "report.hpp"

int main(int argc, char** argv) {
  using namespace skep::bench;
  const bool check_only = argc == 2 && std::string_view(argv[1]) == "--check";
  if (!check_only) {
    benchmark::Initialize(&argc, argv);
    if (benchmark::ReportUnrecognizedArguments(argc, argv)) return 2;
  }
  if (!engines_agree()) return 1;
  if (check_only) return 0;
  register_runs();
  register_loads();
  register_maps();
  TableReporter reporter;
  benchmark::RunSpecifiedBenchmarks(&reporter);
}
