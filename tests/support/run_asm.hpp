// Assembly in, result out: the shortest road through the library, for tests of engines.
#pragma once

#include <doctest/doctest.h>

#include <cstdlib>
#include <string>
#include <string_view>
#include <vector>

#include <skep/executable.hpp>

#include "isa/text.hpp"

namespace skep::test {

/// SKEP_TEST_ENGINE in the environment is "interpreter", or nothing: the best there is.
inline Engine engine_under_test() {
  const char* name = std::getenv("SKEP_TEST_ENGINE");
  return name != nullptr && std::string_view(name) == "interpreter" ? Engine::interpreter : Engine::best;
}

struct AsmOptions {
  ProgType type = ProgType::unspec;
  std::vector<Map> maps;
  BuildOptions build = {.engine = engine_under_test()};
  RunOptions run;
};

inline std::vector<Insn> assembled(std::string_view text) {
  auto insns = isa::assemble(text);
  if (!insns) FAIL("does not assemble: " << insns.error().message());
  return *insns;
}

inline Executable built(std::string_view text, const AsmOptions& options = {}) {
  auto program = Program::from_insns(assembled(text), options.type, options.maps);
  if (!program) FAIL("is no program: " << program.error().message());
  auto executable = Executable::build(*program, options.build);
  if (!executable) FAIL("does not build: " << executable.error().message());
  return *executable;
}

/// The message with which building `text` is refused; empty when it is not.
inline std::string refusal(std::string_view text, const AsmOptions& options = {}) {
  auto program = Program::from_insns(assembled(text), options.type, options.maps);
  if (!program) return program.error().message();
  auto executable = Executable::build(*program, options.build);
  return executable ? "" : executable.error().message();
}

inline RunResult run_asm(std::string_view text, Context& context, const AsmOptions& options = {}) {
  return built(text, options).run(context, options.run);
}

inline RunResult run_asm(std::string_view text, const AsmOptions& options = {}) {
  RawContext context;
  return run_asm(text, context, options);
}

}  // namespace skep::test
