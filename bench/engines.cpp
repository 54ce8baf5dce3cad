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
    std::uint64_t value = 0;
    for (; times != 0; --times) {
      const RunResult result = executable_.run(packet_, options_);
      value = result.value;
      if (times == 1) insns_ = result.insns;
      if (result.ok()) continue;
      std::fprintf(stderr, "%s\n", executable_.explain(result.fault).c_str());
      std::exit(1);
    }
    return static_cast<std::uint32_t>(value);
  }
  [[nodiscard]] std::uint64_t insns() const { return insns_; }

 private:
  Executable executable_;
  XdpPacket packet_;
  RunOptions options_;
  std::uint64_t insns_ = 0;
};

constexpr std::uint64_t kAmpleBudget = std::uint64_t{1} << 40;

[[noreturn]] void give_up(const BenchProgram& program, const std::string& why) {
  std::fprintf(stderr, "%s: %s\n", program.name.c_str(), why.c_str());
  std::exit(1);
}

Program load(const BenchProgram& program) {
  const auto loaded = Object::load_file(program.object_path).and_then([&](const Object& object) {
    return object.program(program.name);
  });
  if (!loaded) give_up(program, loaded.error().message());
  return *loaded;
}

std::unique_ptr<SkepRunner> runner(const BenchProgram& program, Result<Executable> built, std::uint64_t budget) {
  if (!built) give_up(program, built.error().message());
  return std::make_unique<SkepRunner>(std::move(*built), program, RunOptions{.budget = budget});
}

std::unique_ptr<SkepRunner> build_guarded(const BenchProgram& program, skep::Engine engine, std::uint64_t budget) {
  return runner(program, Executable::build(load(program), {.mode = Mode::guarded, .engine = engine}), budget);
}

template <skep::Engine kEngine>
Prepared prepare_verified(const BenchProgram& program) {
  const Program loaded = load(program);
  const Verdict verdict = verify(loaded);
  if (verdict.ok())
    return {runner(program, Executable::build(*verdict.verified(), {.engine = kEngine}), RunOptions::kNoBudget), {}};
  std::fprintf(stderr, "%s: not verified, run without guards all the same: %s\n", program.name.c_str(),
               verdict.explain().c_str());
  const BuildOptions options{.mode = Mode::unguarded, .engine = kEngine};
  return {runner(program, Executable::build(loaded, options), RunOptions::kNoBudget), {}};
}

template <skep::Engine kEngine>
Prepared prepare_guarded(const BenchProgram& program) {
  return {build_guarded(program, kEngine, RunOptions::kNoBudget), {}};
}

Prepared prepare_native(const BenchProgram& program) { return {std::make_unique<NativeRunner>(program), {}}; }

constexpr std::uint64_t kCheapCall = 10'000;
constexpr std::uint64_t kKernelCall = 60'000'000;  // a test run sets up and tears down for 0.1 ms

constexpr Engine kEngines[] = {
    {"native", prepare_native, kCheapCall},
    {"jit", prepare_verified<skep::Engine::jit>, kCheapCall},
    {"jit_guarded", prepare_guarded<skep::Engine::jit>, kCheapCall},
    {"interpreter", prepare_verified<skep::Engine::interpreter>, kCheapCall},
    {"guarded", prepare_guarded<skep::Engine::interpreter>, kCheapCall},
    {"kernel", prepare_kernel, kKernelCall},
};

}  // namespace

std::span<const Engine> engines() { return kEngines; }

std::uint64_t count_insns(const BenchProgram& program) {
  const auto runner = build_guarded(program, skep::Engine::interpreter, kAmpleBudget);
  runner->run(2);
  return runner->insns();
}

}  // namespace skep::bench
