#include "run_bench.hpp"

#include <algorithm>
#include <array>
#include <cstdio>
#include <regex>

#include "engines.hpp"

namespace skep::bench {
namespace {

constexpr int kRounds = 25;
constexpr std::array<std::uint64_t, 4> kRuns{1, 1, 3, 1};  // maps keep what a run did to them: compare a row of runs
constexpr double kNothing = std::numeric_limits<double>::quiet_NaN();

/// One program on one engine, from its first run to its last.
class Contestant {
 public:
  Contestant(const BenchProgram& program, const Engine& engine, Prepared prepared)
      : runs_a_drain_(program.runs_a_drain), runner_(std::move(prepared.runner)) {
    runner_->run(2);
    // Doubled until it can be told from the clock's resolution.
    for (runs_ = 1; !is_full(); runs_ *= 2) {
      drain();
      const double ns = runner_->time(runs_);
      if (ns < engine.slice_ns / 8) continue;
      runs_ = static_cast<std::uint64_t>(static_cast<double>(runs_) * engine.slice_ns / ns) + 1;
      break;
    }
    if (is_full()) runs_ = runs_a_drain_;
  }

  void measure() {
    drain();
    runner_->run(1 + runs_ / 16);  // warms caches and the branch predictor
    drain();
    const double ns = runner_->time(runs_) / static_cast<double>(runs_);
    least_ = least_ < ns ? least_ : ns;
  }

  [[nodiscard]] double least() const { return least_; }

 private:
  [[nodiscard]] bool is_full() const { return runs_a_drain_ != 0 && runs_ >= runs_a_drain_; }
  void drain() {
    if (runs_a_drain_ != 0) runner_->drain();
  }

  std::uint64_t runs_a_drain_;
  std::unique_ptr<Runner> runner_;
  std::uint64_t runs_ = 1;
  double least_ = kNothing;
};

/// A program, its engines, and its compiler.
struct Heat {
  RunRow row;
  std::vector<std::unique_ptr<Contestant>> contestants;  // null for engines that are left out
  std::unique_ptr<Compiler> compiler;

  void measure() {
    for (const auto& contestant : contestants)
      if (contestant != nullptr) contestant->measure();
    if (compiler == nullptr) return;
    const double ns = compiler->time();
    row.compile_ns = row.compile_ns < ns ? row.compile_ns : ns;
  }
};

Heat prepare(const BenchProgram& program, const std::regex& filter) {
  Heat heat;
  heat.row.program = &program;
  bool any = false;
  for (const Engine& engine : engines()) {
    heat.contestants.emplace_back();
    if (!std::regex_search("run/" + program.name + "/" + std::string(engine.name), filter)) continue;
    any = true;
    Prepared prepared = engine.prepare(program);
    if (prepared.runner == nullptr) continue;
    heat.contestants.back() = std::make_unique<Contestant>(program, engine, std::move(prepared));
  }
  if (!any) return heat;
  heat.row.insns = static_cast<double>(count_insns(program));
  heat.compiler = prepare_compiler(program);
  return heat;
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

std::vector<RunRow> measure_runs(const std::string& filter) {
  const std::regex wanted(filter.empty() ? "." : filter);
  std::vector<Heat> heats;
  for (const BenchProgram& program : programs()) heats.push_back(prepare(program, wanted));
  std::erase_if(heats, [](const Heat& heat) { return heat.row.insns == 0; });
  for (int round = 0; round < kRounds; ++round)
    for (Heat& heat : heats) heat.measure();
  std::vector<RunRow> rows;
  for (Heat& heat : heats) {
    for (const auto& contestant : heat.contestants)
      heat.row.ns.push_back(contestant == nullptr ? kNothing : contestant->least());
    rows.push_back(std::move(heat.row));
  }
  return rows;
}

}  // namespace skep::bench
