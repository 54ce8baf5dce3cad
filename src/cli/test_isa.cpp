// skep test-isa: every file of a folder in the public conformance suite's format, through the guarded interpreter.
#include <fmt/format.h>

#include "cli/exit_code.hpp"
#include "cli/verbs.hpp"
#include "isa/conformance_file.hpp"

namespace skep::cli {
namespace {

/// What went otherwise than the file says; empty when nothing did.
std::string difference(isa::ConformanceCase& test) {
  const auto program = Program::from_insns(test.insns);
  if (!program) return test.error ? "" : "refused: " + program.error().message();
  const auto executable = Executable::build(*program);
  if (!executable) return test.error ? "" : "refused: " + executable.error().message();
  RawContext context{std::span<std::byte>(test.memory)};
  const RunResult result = executable->run(context);
  if (!result.ok()) return test.error ? "" : "faulted: " + executable->explain(result.fault);
  if (test.error) return fmt::format("r0 is {:#x}, expected an error ({})", result.value, *test.error);
  if (!test.result) return "the file says no result";
  return result.value == *test.result ? "" : fmt::format("r0 is {:#x}, expected {:#x}", result.value, *test.result);
}

}  // namespace

int test_isa(const TestIsaOptions& options) {
  auto tests = isa::load_conformance(options.folder);
  if (!tests) return give_up(tests.error());
  if (tests->empty()) return give_up(exit_input, options.folder + ": no *.data file there");
  int failed = 0;
  for (isa::ConformanceCase& test : *tests) {
    const std::string what = difference(test);
    if (what.empty()) continue;
    fmt::print("FAIL {}: {}\n", test.name, what);
    ++failed;
  }
  fmt::print("{} passed, {} failed\n", tests->size() - static_cast<std::size_t>(failed), failed);
  return failed == 0 ? exit_ok : exit_refused;
}

}  // namespace skep::cli
