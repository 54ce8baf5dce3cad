// Every file of the public conformance suite, through the library: assembled or raw, on each engine, guarded and
// unguarded.
#include <doctest/doctest.h>

#include <cstdio>

#include <skep/executable.hpp>

#include "isa/conformance_file.hpp"

using namespace skep;

namespace {

/// Empty when the case passes, otherwise what went wrong.
std::string run_case(const isa::ConformanceCase& test, Mode mode, Engine engine) {
  auto program = Program::from_insns(test.insns);
  if (!program) return test.error ? "" : program.error().message();
  auto executable = Executable::build(*program, {.mode = mode, .engine = engine, .metered = true});
  if (!executable) return test.error ? "" : executable.error().message();
  std::vector<std::byte> memory = test.memory;
  RawContext context{std::span(memory)};
  const RunResult result = executable->run(context, {.budget = 10'000'000});
  if (!result.ok()) return test.error ? "" : executable->explain(result.fault);
  if (test.error) return "ran, an error was expected: " + *test.error;
  if (result.value != test.result)
    return "r0 is " + std::to_string(result.value) + ", needs " + std::to_string(*test.result);
  return "";
}

}  // namespace

TEST_CASE("all public conformance files give their result on each engine, guarded and unguarded") {
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
    unsigned passed = 0;
    unsigned failed = 0;
    for (const auto& test : *cases)
      for (const Mode mode : {Mode::guarded, Mode::unguarded}) {
        const std::string problem = run_case(test, mode, engine);
        CHECK_MESSAGE(problem.empty(), test.name << ", " << name << ": " << problem);
        ++(problem.empty() ? passed : failed);
      }
    std::printf("conformance, %s: %u passed, %u failed\n", name, passed, failed);
  }
}
