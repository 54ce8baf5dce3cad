// skep's verdicts beside those that the kernel's selftests expect, program by program, for a privileged user and for
// one without capabilities.
//
// Every program goes into a table, SKEP_REFEREE_CACHE/verdicts.tsv; a matrix and its causes are printed for each user.
// differences.txt names the differences that stay, with their reasons; a line there that nothing shows any more fails.
#include <doctest/doctest.h>

#include <chrono>
#include <fstream>

#include <fmt/format.h>
#include <fmt/ostream.h>

#include "referee/verdicts/matrix.hpp"
#include "referee/verdicts/suite.hpp"

namespace skep::referee {
namespace {

class Judge {
 public:
  explicit Judge(const std::filesystem::path& table) : table_(table) {}

  void judge(const SuiteObject& object) {
    for (const auto& program : object.spec.programs) {
      const auto found = object.expectations.find(program->name);
      if (found == object.expectations.end() || found->second.auxiliary) continue;
      for (const User user : {User::privileged, User::unprivileged})
        if (found->second.of(user == User::privileged).accepted) judge(object, *program, found->second, user);
    }
  }

  Matrix privileged{"verdicts"};
  Matrix unprivileged{"verdicts (unprivileged)"};

 private:
  void judge(const SuiteObject& object, const program::Program& program, const Expectations& expectations, User user) {
    const bool expected = *expectations.of(user == User::privileged).accepted;
    const auto start = std::chrono::steady_clock::now();
    const verifier::Report report = verifier::verify(object.input(program, expectations, user));
    const auto us = std::chrono::duration_cast<std::chrono::microseconds>(std::chrono::steady_clock::now() - start);
    const verifier::Finding* finding = report.accepted() ? nullptr : &report.findings.front();
    // Types of the suite's kernel module are not in the BTF at hand.
    const bool lacks_type = finding != nullptr && finding->code == verifier::Code::relocation_missing;
    const Outcome outcome = lacks_type ? Outcome::later : compare(expected, finding);
    const auto code = finding == nullptr ? "accepted" : verifier::name_of(finding->code);
    (user == User::privileged ? privileged : unprivileged).count(outcome, object.name, program.name, code);
    fmt::print(table_, "{}\t{}\t{}\t{}\t{}\t{}\t{}\t{}\t{}\t{}\n", name_of(outcome), object.name, program.name,
               skep::name_of(program.type), expected ? "success" : "failure", code,
               finding == nullptr ? "" : fmt::format("insn {}: {}", finding->pc, verifier::text_of(*finding)),
               report.stats.processed, us.count(), user == User::privileged ? "privileged" : "unprivileged");
  }

  std::ofstream table_;
};

TEST_CASE("annotated selftests get the verdict that they expect") {
  const auto suite = Suite::open();
  if (!suite) return;
  Judge judge(suite->folder() / "verdicts.tsv");
  suite->for_each([&](const SuiteObject& object) { judge.judge(object); });
  for (const Matrix* matrix : {&judge.unprivileged, &judge.privileged}) {
    matrix->print();
    CHECK((*matrix)[Outcome::same] > 0);
    CHECK(matrix->same_share() >= 99);
    CHECK((*matrix)[Outcome::lax] == 0);
    CHECK(matrix->unexplained.empty());
    if (suite->whole()) CHECK(matrix->known.unseen().empty());
  }
}

}  // namespace
}  // namespace skep::referee
