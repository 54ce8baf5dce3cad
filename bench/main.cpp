// skep_bench [--check | --stop | --verify SOURCE... [--tsv FILE] | Google Benchmark's options]. Nothing is timed before
// all engines gave the same results.
#include <cstdio>
#include <string>
#include <string_view>
#include <vector>

#include <benchmark/benchmark.h>

#include "benches.hpp"
#include "report.hpp"
#include "run_bench.hpp"
#include "stop_bench.hpp"
#include "verify_bench.hpp"

namespace {

int verify(std::vector<std::string> arguments) {
  std::string tsv;
  if (arguments.size() >= 2 && arguments[arguments.size() - 2] == "--tsv") {
    tsv = arguments.back();
    arguments.resize(arguments.size() - 2);
  }
  return skep::bench::bench_verify(arguments, tsv);
}

}  // namespace

int main(int argc, char** argv) {
  using namespace skep::bench;
  if (argc > 2 && std::string_view(argv[1]) == "--verify") return verify({argv + 2, argv + argc});
  if (argc == 2 && std::string_view(argv[1]) == "--stop") return bench_stops();
  const bool check_only = argc == 2 && std::string_view(argv[1]) == "--check";
  if (!check_only) {
    benchmark::Initialize(&argc, argv);
    if (benchmark::ReportUnrecognizedArguments(argc, argv)) return 2;
  }
  if (!engines_agree()) return 1;
  if (check_only) return 0;
  const std::string filter = benchmark::GetBenchmarkFilter();
  const std::vector<RunRow> rows = measure_runs(filter);
  register_loads();
  register_compiles();
  register_maps();
  register_operations();
  ListReporter reporter;
  if (!filter.starts_with("run/")) benchmark::RunSpecifiedBenchmarks(&reporter);
  std::fputs(runs_table(rows).c_str(), stdout);
}
