// Refusals explained to applications: problems, the paths that lead to them, and both as text.
#include "api/problems.hpp"

#include <utility>

#include <fmt/format.h>

#include "api/inquiry.hpp"
#include "isa/text.hpp"
#include "verifier/diagnose/explain.hpp"

namespace skep {
namespace {

ProblemStep step_of(verifier::PathStep&& step, const Program& program) {
  std::string source = program.source_at(step.pc);
  if (source.empty()) source = isa::disassemble(program.insns(), step.pc);
  return {step.pc, std::move(source), std::move(step.note)};
}

/// Steps of one source line follow each other under it.
std::string path_text(const std::vector<ProblemStep>& path) {
  std::string text;
  const std::string* last = nullptr;
  for (const ProblemStep& step : path) {
    // The last step is the problem's own; it need not be said again that nothing has changed.
    const bool again = &step == &path.back() && path.size() > 1 && step.note == path[path.size() - 2].note;
    if (again) continue;
    if (last == nullptr || *last != step.source) text += fmt::format("    {}\n", step.source);
    text += fmt::format("      insn {}: {}\n", step.pc, step.note);
    last = &step.source;
  }
  return text;
}

}  // namespace

Problem problem_of(const verifier::Finding& finding, const std::string& malformed, const Program& program) {
  Problem problem;
  problem.code = verifier::name_of(finding.code);
  problem.pc = finding.pc;
  problem.message = finding.code == verifier::Code::malformed ? malformed : verifier::text_of(finding);
  problem.source = program.source_at(finding.pc);
  problem.suggestion = verifier::suggestion_of(finding.code);
  problem.unsupported = verifier::is_unsupported(finding.code);
  return problem;
}

std::vector<Problem> explain(const Program& program, const VerifyOptions& options, std::uint32_t max_problems) {
  const Inquiry inquiry(*program.owner(), *program.data(), options);
  verifier::Explained explained = verifier::explain(inquiry.input(), max_problems);
  std::vector<Problem> problems;
  for (verifier::Explanation& one : explained.findings) {
    Problem problem = problem_of(one.finding, explained.report.malformed, program);
    problem.suggestion = std::move(one.suggestion);
    for (verifier::PathStep& step : one.path) problem.path.push_back(step_of(std::move(step), program));
    problems.push_back(std::move(problem));
  }
  return problems;
}

std::string explain_text(std::span<const Problem> problems) {
  std::string text;
  for (const Problem& problem : problems) {
    text += fmt::format("insn {}: {} [{}]\n", problem.pc, problem.message, problem.code);
    if (!problem.source.empty()) text += fmt::format("  {}\n", problem.source);
    if (!problem.path.empty()) text += "  how it came to this:\n" + path_text(problem.path);
    if (!problem.suggestion.empty()) text += fmt::format("  hint: {}\n", problem.suggestion);
  }
  return text;
}

std::string Verdict::explain() const {
  if (ok()) return {};
  const std::vector<Problem> explained = skep::explain(program(), proof_.options_);
  // A map that was frozen since may have mended the program.
  return explain_text(explained.empty() ? problems_ : explained);
}

}  // namespace skep
