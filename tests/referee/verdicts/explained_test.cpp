// Every refusal of the kernel's selftests, explained: the explanation is of the same refusal, the log tells the same
// story, and watching changes nothing.
#include <doctest/doctest.h>

#include <algorithm>
#include <string>

#include <fmt/format.h>

#include "referee/verdicts/suite.hpp"
#include "verifier/diagnose/explain.hpp"
#include "verifier/diagnose/kernel_log.hpp"
#include "verifier/diagnose/profile.hpp"

namespace skep::referee {
namespace {

constexpr std::uint32_t kMost = 8;

struct Count {
  std::size_t refused = 0, with_path = 0, with_answer = 0, several = 0, steps = 0;
};

void check_explained(const verifier::Input& input, const verifier::Report& report, Count& count) {
  const verifier::Explained explained = verifier::explain(input, kMost);
  REQUIRE(!explained.findings.empty());
  const verifier::Finding& first = explained.findings.front().finding;
  const verifier::Finding& expected = report.findings.front();
  CHECK(verifier::name_of(first.code) == verifier::name_of(expected.code));
  CHECK(first.pc == expected.pc);
  CHECK(first.numbers == expected.numbers);
  CHECK(explained.findings.size() <= kMost);
  CHECK(explained.findings.size() == explained.report.findings.size());
  for (const verifier::Explanation& one : explained.findings) {
    CHECK(one.path.size() < 300);
    for (const verifier::PathStep& step : one.path) {
      CHECK(step.pc < input.program->insns.size());
      CHECK(!step.note.empty());
    }
  }
  ++count.refused;
  count.with_path += explained.findings.front().path.empty() ? 0 : 1;
  count.with_answer += explained.findings.front().suggestion.empty() ? 0 : 1;
  count.several += explained.findings.size() > 1 ? 1 : 0;
  count.steps += explained.findings.front().path.size();
}

/// The lines of a log that are steps: "12: (bf) r1 = r2".
std::size_t steps_in(std::string_view log) {
  std::size_t steps = 0;
  for (std::size_t at = log.find(": ("); at != std::string_view::npos; at = log.find(": (", at + 1)) {
    const std::size_t line = log.rfind('\n', at) + 1;
    const std::string_view number = log.substr(line, at - line);
    steps += !number.empty() && std::all_of(number.begin(), number.end(), [](char c) { return c >= '0' && c <= '9'; });
  }
  return steps;
}

void check_watched(const verifier::Input& input, const verifier::Report& report) {
  for (const unsigned level : {1u, 2u}) {
    std::string log;
    const verifier::Report logged =
        verifier::write_kernel_log(input, level, [&](std::string_view text) { log += text; });
    CHECK(logged.findings.size() == report.findings.size());
    CHECK(logged.stats.processed == report.stats.processed);
    CHECK(log.ends_with("mark_read 0\n"));
    CHECK(steps_in(log) <= report.stats.processed);
    if (!report.accepted() && report.malformed.empty())
      CHECK(log.find(verifier::text_of(report.findings.front())) != std::string::npos);
  }
  std::uint64_t processed = 0;
  for (const verifier::ProfileRow& row : verifier::profile(input)) processed += row.processed + row.covered;
  // The step that breaks a limit, or is found to lead nowhere, is counted but not walked over.
  CHECK(processed <= report.stats.processed);
  CHECK(processed + 1 >= report.stats.processed);
}

TEST_CASE("explanations, logs and profiles of the selftests agree with their verification") {
  const auto suite = Suite::open();
  if (!suite) return;
  Count count;
  suite->for_each([&](const SuiteObject& object) {
    for (const auto& program : object.spec.programs) {
      const auto found = object.expectations.find(program->name);
      if (found == object.expectations.end() || found->second.auxiliary) continue;
      for (const User user : {User::privileged, User::unprivileged}) {
        if (!found->second.of(user == User::privileged).accepted) continue;
        const verifier::Input input = object.input(*program, found->second, user);
        const verifier::Report report = verifier::verify(input);
        // Long ones say no more than short ones, and their logs are long, too.
        if (report.stats.processed > 20'000) continue;
        CAPTURE(object.name);
        CAPTURE(program->name);
        check_watched(input, report);
        if (!report.accepted() && !verifier::is_unsupported(report.findings.front().code))
          check_explained(input, report, count);
      }
    }
  });
  fmt::print("explained: {} refused, {} with a path ({:.1f} steps each), {} with an answer, {} with several findings\n",
             count.refused, count.with_path, static_cast<double>(count.steps) / static_cast<double>(count.with_path),
             count.with_answer, count.several);
  CHECK(count.with_path > 0);
}

}  // namespace
}  // namespace skep::referee
