// Every file of the public conformance suite, through the library: assembled or raw, on each engine, guarded and
// unguarded, counting and not; and as the verifier proved it, where it does.
#include <doctest/doctest.h>

#include <cstdio>
#include <optional>
#include <string>

#include <skep/skep.hpp>

#include "isa/conformance_file.hpp"

using namespace skep;

namespace {

constexpr std::uint64_t kBudget = 10'000'000;

/// Empty when the case passes, otherwise what went wrong.
std::string run(const isa::ConformanceCase& test, const Executable& executable, std::uint64_t budget) {
  std::vector<std::byte> memory = test.memory;
  RawContext context{std::span(memory)};
  const RunResult result = executable.run(context, {.budget = budget});
  if (!result.ok()) return test.error ? "" : executable.explain(result.fault);
  if (test.error) return "ran, an error was expected: " + *test.error;
  if (result.value != test.result)
    return "r0 is " + std::to_string(result.value) + ", needs " + std::to_string(*test.result);
  return "";
}

std::string run_case(const isa::ConformanceCase& test, const BuildOptions& options) {
  auto program = Program::from_insns(test.insns);
  if (!program) return test.error ? "" : program.error().message();
  auto executable = Executable::build(*program, options);
  if (!executable) return test.error ? "" : executable.error().message();
  return run(test, *executable, options.metered ? kBudget : RunOptions::kNoBudget);
}

/// Of a program that may do with its context what it likes. Nothing when the verifier refuses it.
std::optional<std::string> run_proven(const isa::ConformanceCase& test, const BuildOptions& options) {
  auto program = Program::from_insns(test.insns, ProgType::syscall);
  if (!program) return std::nullopt;
  const Verdict verdict = verify(*program);
  if (!verdict.ok()) return std::nullopt;
  auto executable = Executable::build(*verdict.verified(), options);
  if (!executable) return executable.error().message();
  return run(test, *executable, options.metered ? kBudget : RunOptions::kNoBudget);
}

}  // namespace

TEST_CASE("all public conformance files give their result on each engine, guarded, unguarded and proven") {
  auto cases = isa::load_conformance();
  REQUIRE_MESSAGE(cases.has_value(), cases.error().message());
  if (cases->empty()) {
    std::puts("SKIP: ../shared/conformance/isa is not there");
    return;
  }
  CHECK(cases->size() >= 313);
  for (const Engine engine : {Engine::interpreter, Engine::jit}) {
    const char* name = engine == Engine::jit ? "jit" : "interpreter";
    if (engine == Engine::jit && !Executable::has_jit()) {
      std::puts("SKIP: no JIT for this processor");
      continue;
    }
    unsigned passed = 0, failed = 0, refused = 0;
    const auto count = [&](const isa::ConformanceCase& test, const std::string& problem) {
      CHECK_MESSAGE(problem.empty(), test.name << ", " << name << ": " << problem);
      ++(problem.empty() ? passed : failed);
    };
    for (const auto& test : *cases)
      for (const bool metered : {true, false}) {
        for (const Mode mode : {Mode::guarded, Mode::unguarded})
          count(test, run_case(test, {.mode = mode, .engine = engine, .metered = metered}));
        if (const auto problem = run_proven(test, {.engine = engine, .metered = metered}))
          count(test, *problem);
        else
          ++refused;
      }
    std::printf("conformance, %s: %u passed, %u failed\n", name, passed, failed);
    MESSAGE(std::string(name), ": ", refused / 2, " of ", cases->size(), " are not accepted by the verifier");
    CHECK(refused / 2 < cases->size() / 4);
  }
}
