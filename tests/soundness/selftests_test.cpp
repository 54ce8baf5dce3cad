// Linux' own selftests, those that are accepted: runs on inputs out of a seed stay inside what the verifier explored.
//
// SKEP_REFEREE_CACHE names the folder with the objects (scripts/referee-objects makes it); SKEP_SELFTEST_INPUTS says
// how many inputs each program gets (default 8).
#include <doctest/doctest.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <iostream>

#include <fmt/format.h>

#include <skep/object.hpp>
#include <skep/verify.hpp>

#include "api/inquiry.hpp"
#include "soundness/divisors.hpp"
#include "soundness/inputs.hpp"
#include "soundness/oracle.hpp"
#include "soundness/regions.hpp"
#include "soundness/settled.hpp"

namespace skep::soundness {
namespace {

constexpr std::size_t kMostSteps = 200'000, kMostFollowed = 5'000;

std::vector<std::string> objects() {
  const char* cache = std::getenv("SKEP_REFEREE_CACHE");
  std::vector<std::string> paths;
  if (cache == nullptr) return paths;
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator(std::string(cache) + "/selftests", error))
    if (entry.path().extension() == ".o") paths.push_back(entry.path().string());
  std::sort(paths.begin(), paths.end());
  return paths;
}

class Trials {
 public:
  explicit Trials(unsigned inputs) : per_program_(inputs) {}

  void try_program(const Program& program, const std::string& from) {
    if (context_kind(program.type()) == ContextKind::none || !program.needs().empty()) return;
    const Inquiry inquiry(*program.owner(), *program.data(), {});
    History history(kMostSteps);
    verifier::Input input = inquiry.input();
    input.observer = &history;
    input.options.facts = true;
    const verifier::Report report = verifier::verify(input);
    if (!report.accepted()) return;
    ++accepted;
    if (!history.complete()) return;
    ++followed;
    std::vector<maps::MapStorage*> storages;
    std::vector<std::shared_ptr<maps::MapStorage>> shared;
    for (const Map& map : program.maps()) {
      storages.push_back(map.storage().get());
      shared.push_back(map.storage());
    }
    const lower::SettledProgram settled = lower::settle(*program.data(), *report.facts, shared);
    for (unsigned seed = 1; seed <= per_program_; ++seed) {
      inputs_.with_context(program.type(), program.maps(), seed, [&](Context& context) {
        const Surroundings around{*program.data(), storages, context, *inputs_.host()};
        const Trace trace = Machine(around).run(kMostFollowed);
        instructions += trace.moments.size();
        std::string wrong = find_violation(history, trace, around);
        if (wrong.empty()) wrong = find_outside_region(trace, *report.facts, around);
        if (wrong.empty()) wrong = find_zero_divisor(trace, *program.data(), *report.facts);
        if (wrong.empty()) wrong = find_unsettled(trace, settled, around);
        if (wrong.empty()) return;
        ++violated;
        std::cout << fmt::format("{}: {}: input {}: {}\n", from, program.name(), seed, wrong);
      });
    }
  }

  std::uint64_t accepted = 0, followed = 0, instructions = 0, violated = 0;

 private:
  unsigned per_program_;
  Inputs inputs_;
};

TEST_CASE("runs of the selftests that are accepted stay inside what the verifier explored") {
  const std::vector<std::string> paths = objects();
  if (paths.empty()) {
    MESSAGE("SKIP: SKEP_REFEREE_CACHE names no folder with selftests");
    return;
  }
  const char* inputs = std::getenv("SKEP_SELFTEST_INPUTS");
  Trials trials(inputs == nullptr ? 8 : static_cast<unsigned>(std::strtoul(inputs, nullptr, 0)));
  for (const std::string& path : paths) {
    auto object = Object::load_file(path);
    if (!object) continue;
    for (const Program& program : object->programs())
      trials.try_program(program, std::filesystem::path(path).filename().string());
  }
  std::cout << fmt::format("selftests: {} accepted, {} followed over {} instructions, {} violations\n", trials.accepted,
                           trials.followed, trials.instructions, trials.violated);
  CHECK(trials.violated == 0);
  CHECK(trials.followed > 500);
}

}  // namespace
}  // namespace skep::soundness
