// Programs on engines: first that all give the same results, then how long they take.
#include <array>
#include <cstdio>
#include <string>

#include <benchmark/benchmark.h>

#include "benches.hpp"
#include "engines.hpp"

namespace skep::bench {
namespace {

constexpr std::uint64_t kInsnsOfAnEmptyRun = 50;           // what starting one is worth, roughly
constexpr std::array<std::uint64_t, 4> kRuns{1, 1, 3, 1};  // maps keep what a run did to them: compare a row of runs

void time_runs(benchmark::State& state, const BenchProgram& program, const Engine& engine) {
  const Prepared prepared = engine.prepare(program);
  if (prepared.runner == nullptr) return state.SkipWithError(prepared.skipped.c_str());
  const std::uint64_t insns = count_insns(program);
  const std::uint64_t batch = 1 + engine.insns_a_call / (insns + kInsnsOfAnEmptyRun);
  prepared.runner->run(2);
  while (state.KeepRunningBatch(static_cast<benchmark::IterationCount>(batch))) prepared.runner->run(batch);
  state.counters["insns"] = static_cast<double>(insns);
}

}  // namespace

bool engines_agree() {
  bool agree = true;
  for (const BenchProgram& program : programs()) {
    std::array<std::uint32_t, kRuns.size()> expected{};
    for (const Engine& engine : engines()) {
      const Prepared prepared = engine.prepare(program);
      if (prepared.runner == nullptr) {
        std::fprintf(stderr, "SKIP: %s/%s: %s\n", program.name.c_str(), engine.name.data(), prepared.skipped.c_str());
        continue;
      }
      const bool is_first = &engine == engines().data();
      for (std::size_t i = 0; i < kRuns.size(); ++i) {
        const std::uint32_t result = prepared.runner->run(kRuns[i]);
        if (is_first) expected[i] = result;
        if (result == expected[i]) continue;
        std::fprintf(stderr, "%s/%s: run %zu gives %#x, native code %#x\n", program.name.c_str(), engine.name.data(), i,
                     result, expected[i]);
        agree = false;
      }
    }
  }
  return agree;
}

void register_runs() {
  for (const BenchProgram& program : programs())
    for (const Engine& engine : engines())
      benchmark::RegisterBenchmark(("run/" + program.name + "/" + std::string(engine.name)).c_str(),
                                   [&](benchmark::State& state) { time_runs(state, program, engine); });
}

}  // namespace skep::bench
