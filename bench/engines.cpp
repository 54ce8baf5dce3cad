#include "engines.hpp"

#include <cstdio>
#include <cstdlib>
#include <optional>

#include <benchmark/benchmark.h>
#include <skep/skep.hpp>

namespace skep::bench {
namespace {

class NativeRunner final : public Runner {
 public:
  explicit NativeRunner(const BenchProgram& program) : program_(program) {}
  std::uint32_t run(std::uint64_t times) override {
    const auto* data = reinterpret_cast<const std::uint8_t*>(program_.input.data());
    std::uint32_t result = 0;
    for (; times != 0; --times) {
      benchmark::DoNotOptimize(data);
      result = program_.native(data, data + program_.input.size());
      benchmark::DoNotOptimize(result);
    }
    return result;
  }

 private:
  const BenchProgram& program_;
};

class SkepRunner final : public Runner {
 public:
  SkepRunner(Executable executable, const BenchProgram& program, RunOptions options)
      : executable_(std::move(executable)), packet_(program.input), options_(options) {}
  std::uint32_t run(std::uint64_t times) override {
    for (; times != 0; --times) last_ = executable_.run(packet_, options_);
    if (!last_.ok()) std::fprintf(stderr, "%s\n", executable_.explain(last_.fault).c_str()), std::exit(1);
    return static_cast<std::uint32_t>(last_.value);
  }
  [[nodiscard]] std::uint64_t insns() const { return last_.insns; }

 private:
  Executable executable_;
  XdpPacket packet_;
  RunOptions options_;
  RunResult last_;
};

constexpr std::uint64_t kAmpleBudget = std::uint64_t{1} << 40;

std::unique_ptr<SkepRunner> build(const BenchProgram& program, Mode mode, std::uint64_t budget) {
  const auto built = Object::load_file(program.object_path)
                         .and_then([&](const Object& object) { return object.program(program.name); })
                         .and_then([&](const Program& one) { return Executable::build(one, {.mode = mode}); });
  if (!built) std::fprintf(stderr, "%s: %s\n", program.name.c_str(), built.error().message().c_str()), std::exit(1);
  return std::make_unique<SkepRunner>(*built, program, RunOptions{.budget = budget});
}

template <Mode kMode, std::uint64_t kBudget>
Prepared prepare_skep(const BenchProgram& program) {
  return {build(program, kMode, kBudget), {}};
}

Prepared prepare_native(const BenchProgram& program) { return {std::make_unique<NativeRunner>(program), {}}; }

constexpr std::uint64_t kCheapCall = 10'000;
constexpr std::uint64_t kKernelCall = 60'000'000;  // a test run sets up and tears down for 0.1 ms

constexpr Engine kEngines[] = {
    {"native", prepare_native, kCheapCall},
    {"guarded", prepare_skep<Mode::guarded, RunOptions::kNoBudget>, kCheapCall},
    {"guarded_budget", prepare_skep<Mode::guarded, kAmpleBudget>, kCheapCall},
    {"unguarded", prepare_skep<Mode::unguarded, RunOptions::kNoBudget>, kCheapCall},
    {"kernel", prepare_kernel, kKernelCall},
};

}  // namespace

std::span<const Engine> engines() { return kEngines; }

std::uint64_t count_insns(const BenchProgram& program) {
  const auto runner = build(program, Mode::guarded, kAmpleBudget);
  runner->run(2);
  return runner->insns();
}

}  // namespace skep::bench
