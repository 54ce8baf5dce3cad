#include "engines.hpp"

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <limits>
#include <optional>

#include <benchmark/benchmark.h>
#include <skep/skep.hpp>

namespace skep::bench {
namespace {

class NativeRunner final : public Runner {
 public:
  NativeRunner(const NativeBuild& build, std::vector<std::byte> input) : build_(build), input_(std::move(input)) {}
  std::uint32_t run(std::uint64_t times) override {
    auto* data = reinterpret_cast<std::uint8_t*>(input_.data());
    std::uint32_t result = 0;
    for (; times != 0; --times) {
      benchmark::DoNotOptimize(data);
      result = build_.run(data, data + input_.size());
      benchmark::DoNotOptimize(result);
    }
    return result;
  }
  void drain() override { build_.drain(); }

 private:
  NativeBuild build_;
  std::vector<std::byte> input_;
};

class SkepRunner final : public Runner {
 public:
  SkepRunner(Executable executable, const BenchProgram& program, RunOptions options)
      : executable_(std::move(executable)), packet_(program.input), options_(options) {
    for (const Map& map : executable_.program().maps())
      if (map.spec().type == MapType::ringbuf)
        ring_.emplace(RingBuffer::open(map, [](std::span<const std::byte>) { return true; }).value());
  }
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
  void drain() override { ring_->consume(); }
  [[nodiscard]] std::uint64_t insns() const { return insns_; }

 private:
  Executable executable_;
  XdpPacket packet_;
  RunOptions options_;
  std::optional<RingBuffer> ring_;
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

VerifiedProgram load_verified(const BenchProgram& program) {
  const Verdict verdict = verify(load(program));
  if (!verdict.ok()) give_up(program, verdict.explain());
  return *verdict.verified();
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
  if (kEngine == skep::Engine::jit && !Executable::has_jit()) return {nullptr, "no JIT for this processor"};
  return {runner(program, Executable::build(load_verified(program), {.engine = kEngine}), RunOptions::kNoBudget), {}};
}

template <skep::Engine kEngine>
Prepared prepare_guarded(const BenchProgram& program) {
  if (kEngine == skep::Engine::jit && !Executable::has_jit()) return {nullptr, "no JIT for this processor"};
  return {build_guarded(program, kEngine, RunOptions::kNoBudget), {}};
}

template <NativeBuild BenchProgram::*kBuild>
Prepared prepare_native(const BenchProgram& program) {
  if ((program.*kBuild).run == nullptr) return {nullptr, "nothing to inline"};
  return {std::make_unique<NativeRunner>(program.*kBuild, program.input), {}};
}

class JitCompiler final : public Compiler {
 public:
  explicit JitCompiler(VerifiedProgram program) : program_(std::move(program)) {}
  double time() override {
    double least = std::numeric_limits<double>::infinity();
    for (int i = 0; i < kBuilds; ++i) {
      const double start = cpu_ns();
      const auto built = Executable::build(program_, {.engine = skep::Engine::jit});
      const double ns = cpu_ns() - start;
      least = std::min(least, ns / static_cast<double>(built.value().program().insns().size()));
    }
    return least;
  }

 private:
  static constexpr int kBuilds = 5;  // the first finds cold caches

  VerifiedProgram program_;
};

constexpr double kSlice = 1e6;
constexpr double kKernelSlice = 8e6;  // a test run sets up and tears down for 0.1 ms

constexpr Engine kEngines[] = {
    {"native", prepare_native<&BenchProgram::native>, kSlice},
    {"inlined", prepare_native<&BenchProgram::inlined>, kSlice},
    {"scalar", prepare_native<&BenchProgram::scalar>, kSlice},
    {"jit", prepare_verified<skep::Engine::jit>, kSlice},
    {"interpreter", prepare_verified<skep::Engine::interpreter>, kSlice},
    {"kernel", prepare_kernel, kKernelSlice},
    {"dpdk", prepare_dpdk, kSlice},
    {"jit_guarded", prepare_guarded<skep::Engine::jit>, kSlice},
    {"guarded", prepare_guarded<skep::Engine::interpreter>, kSlice},
};

}  // namespace

double cpu_ns() {
  timespec now{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) * 1e9 + static_cast<double>(now.tv_nsec);
}

double Runner::time(std::uint64_t times) {
  const double start = cpu_ns();
  run(times);
  return cpu_ns() - start;
}

std::span<const Engine> engines() { return kEngines; }

std::uint64_t count_insns(const BenchProgram& program) {
  const auto runner = build_guarded(program, skep::Engine::interpreter, kAmpleBudget);
  runner->run(2);
  return runner->insns();
}

std::unique_ptr<Compiler> prepare_compiler(const BenchProgram& program) {
  return Executable::has_jit() ? std::make_unique<JitCompiler>(load_verified(program)) : nullptr;
}

}  // namespace skep::bench
