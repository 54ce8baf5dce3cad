// What the verifier accepts never faults: generated programs, and mutations of them and of Linux' raw tests.
//
// SKEP_SOUNDNESS_PROGRAMS says how many programs (default 50,000), SKEP_SOUNDNESS_SEED where to start. A violation
// prints its seed and the program.
#include <doctest/doctest.h>

#include <iostream>

#include <fmt/format.h>

#include "soundness/generator.hpp"
#include "soundness/ground.hpp"
#include "soundness/mutator.hpp"
#include "soundness/raw_tests.hpp"
#include "support/environment.hpp"

namespace skep::soundness {
namespace {

std::uint64_t programs() { return test::number_from_environment("SKEP_SOUNDNESS_PROGRAMS", 50'000); }
std::uint64_t first_seed() { return test::number_from_environment("SKEP_SOUNDNESS_SEED", 1); }

constexpr std::uint64_t kMostShown = 5;
constexpr std::uint64_t kVariants = 4;  ///< mutations of one program

void note(const Ground& ground, Outcome outcome) {
  if (outcome == Outcome::violated && ground.tally().violated <= kMostShown) std::cout << ground.complaint() << '\n';
}

/// More would say the same.
bool is_enough(const Ground& ground) { return ground.tally().violated >= kMostShown; }

void expect_sound(const Ground& ground, double least, double most) {
  const Tally& tally = ground.tally();
  std::cout << tally.text() << '\n';
  CHECK(tally.violated == 0);
  const double accepted = static_cast<double>(tally.accepted()) / static_cast<double>(tally.all());
  CHECK(accepted >= least);
  CHECK(accepted <= most);
  CHECK(tally.clean * 2 >= tally.accepted());
}

TEST_CASE("generated programs that the verifier accepts run without a fault") {
  Ground ground;
  const std::uint64_t count = programs() / 2;
  for (std::uint64_t seed = first_seed(); seed < first_seed() + count && !is_enough(ground); ++seed) {
    const Generated program = generate(seed);
    note(ground, ground.try_program(program.type, program.insns, seed));
  }
  expect_sound(ground, 0.3, 0.7);
}

TEST_CASE("mutations of generated programs run without a fault when the verifier accepts them") {
  Ground ground;
  const std::uint64_t count = programs() / 4;
  constexpr std::uint64_t kOthers = 1'000'000'000;  // not the programs of the test before
  std::uint64_t seed = first_seed();
  while (ground.tally().all() < count && !is_enough(ground)) {
    const Generated program = generate(kOthers + seed++);
    if (!ground.accepts(program.type, program.insns)) continue;
    for (std::uint64_t variant = 0; variant < kVariants; ++variant) {
      std::vector<Insn> insns = program.insns;
      mutate(insns, seed * kVariants + variant);
      note(ground, ground.try_program(program.type, insns, seed));
    }
  }
  expect_sound(ground, 0.1, 0.7);
}

TEST_CASE("mutations of Linux' raw tests run without a fault when the verifier accepts them") {
  std::vector<Generated> tests = raw_tests();
  if (tests.empty()) {
    MESSAGE("SKIP: ../shared/conformance/verifier/test_verifier.json is not here");
    return;
  }
  Ground ground;
  std::erase_if(tests, [&](const Generated& test) { return !ground.accepts(test.type, test.insns); });
  const std::uint64_t count = programs() / 4;
  for (std::uint64_t seed = first_seed(); seed < first_seed() + count && !is_enough(ground); ++seed) {
    const Generated& test = tests[seed % tests.size()];
    std::vector<Insn> insns = test.insns;
    if (seed >= tests.size()) mutate(insns, seed);
    note(ground, ground.try_program(test.type, insns, seed));
  }
  expect_sound(ground, 0.1, 0.7);
}

}  // namespace
}  // namespace skep::soundness
