// The ways to run a program: on each engine, guarded and as the verifier proved it. For tests that ask Linux, or the
// suite that Linux is tested with, what programs do.
#pragma once

#include <array>
#include <cstdio>
#include <vector>

#include <skep/executable.hpp>

namespace skep::test {

struct Road {
  const char* name;
  Engine engine;
  bool verified;  ///< proven code counts nothing: a JIT's runs without a budget only
};
inline constexpr std::array<Road, 4> kRoads{{
    {"interpreter, guarded", Engine::interpreter, false},
    {"interpreter, verified", Engine::interpreter, true},
    {"jit, guarded", Engine::jit, false},
    {"jit, verified", Engine::jit, true},
}};

/// Those that there are on this machine.
inline std::vector<Road> roads() {
  std::vector<Road> there;
  for (const Road& road : kRoads)
    if (road.engine != Engine::jit || Executable::has_jit()) there.push_back(road);
  return there;
}

inline Result<Executable> build_on(const Road& road, const Program& program) {
  if (!road.verified) return Executable::build(program, {.engine = road.engine});
  const auto proof = verify(program).verified();
  if (!proof) return fail(proof.error());
  return Executable::build(*proof, {.engine = road.engine});
}

/// One line for scripts/run-tests to show.
inline void print_tally(const char* what, const char* road, std::size_t passed, std::size_t failed) {
  std::printf("%s, %s: %zu passed, %zu failed\n", what, road, passed, failed);
}

}  // namespace skep::test
