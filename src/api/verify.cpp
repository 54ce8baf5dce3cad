// The verifier's verdict as applications see it.
#include <skep/verify.hpp>

#include <fmt/format.h>

#include "api/inquiry.hpp"
#include "api/judge.hpp"
#include "api/problems.hpp"

namespace skep {

verifier::Report judge(const ObjectData& object, const program::Program& program, const VerifyOptions& options) {
  const Inquiry inquiry(object, program, options);
  verifier::Input input = inquiry.input();
  input.options.facts = true;
  return verifier::verify(input);
}

Result<VerifiedProgram> Verdict::verified() const {
  if (ok()) return proof_;
  const Problem& first = problems_.front();
  return fail(ErrorCode::refused, "program " + program().name(), fmt::format("insn {}: {}", first.pc, first.message));
}

Verdict verify(const Program& program, const VerifyOptions& options) {
  verifier::Report report = judge(*program.owner(), *program.data(), options);
  std::vector<Problem> problems;
  for (const verifier::Finding& finding : report.findings)
    problems.push_back(problem_of(finding, report.malformed, program));
  const verifier::Stats& stats = report.stats;
  return Verdict(std::move(problems),
                 {stats.processed, stats.total_states, stats.peak_states, stats.longest_queue, stats.stack_bytes,
                  stats.peak_bytes},
                 VerifiedProgram(program, std::move(report.facts), options));
}

}  // namespace skep
