// skep verify: would Linux load these programs, and if not, why not.
#include <skep/verify.hpp>

#include <chrono>
#include <cstdio>
#include <utility>

#include <fmt/format.h>

#include "cli/exit_code.hpp"
#include "cli/input.hpp"
#include "cli/verbs.hpp"
#include "cli/verify_report.hpp"

namespace skep::cli {
namespace {

constexpr std::uint32_t kMostProblems = 8;

skep::VerifyOptions how_to(const VerifyOptions& options) {
  skep::VerifyOptions how;
  how.bpf = how.perfmon = !options.unprivileged;
  how.strict_alignment = options.strict_alignment;
  return how;
}

/// The log between the lines that libbpf puts around it, which tools look for.
void print_log(const Program& program, const skep::VerifyOptions& how, unsigned level) {
  fmt::print("prog '{}': -- BEGIN PROG LOAD LOG --\n", printable(program.name()));
  write_verifier_log(program, how, level,
                     [](std::string_view text) { std::fwrite(text.data(), 1, text.size(), stdout); });
  fmt::print("-- END PROG LOAD LOG --\n");
}

ProgramReport judge(const Program& program, const VerifyOptions& options) {
  using Clock = std::chrono::steady_clock;
  const skep::VerifyOptions how = how_to(options);
  const auto start = Clock::now();
  ProgramReport report{skep::verify(program, how), {}, {}, {}};
  report.took = Clock::now() - start;
  const bool all = options.explain || options.json;
  if (!report.verdict.ok() && options.log == 0) report.problems = skep::explain(program, how, all ? kMostProblems : 1);
  if (options.profile) report.profile = profile_verification(program, how);
  return report;
}

struct Counts {
  std::size_t accepted = 0, refused = 0, not_judged = 0;

  void add(Judgement judgement) {
    ++(judgement == Judgement::accepted ? accepted : judgement == Judgement::refused ? refused : not_judged);
  }
};

/// One object, printed as it goes unless everything comes at the end as JSON.
Result<ObjectReport> judge_object(const std::string& path, const VerifyOptions& options, Counts& counts) {
  ObjectOptions open;
  if (options.btf) open.target_btf = *options.btf;
  const auto object = Object::load_file(path, open);
  if (!object) return fail(Error(object.error()));
  const Paint paint = Paint::for_stdout();
  const bool lines = !options.json && options.log == 0;
  if (lines) fmt::print("{}\n", paint(Tone::strong, printable(path)));
  ObjectReport report{path, {}};
  bool found = false;
  for (const Program& program : object->programs()) {
    if (!options.program.empty() && program.name() != options.program) continue;
    found = true;
    ProgramReport one = judge(program, options);
    counts.add(one.judgement());
    if (options.log != 0) print_log(program, how_to(options), options.log);
    if (lines) fmt::print("{}", report_text(one, options.explain, paint));
    if (options.json) report.programs.push_back(std::move(one));
  }
  if (!found && !options.program.empty())
    return fail(ErrorCode::not_found, path, "there is no program " + options.program);
  return report;
}

}  // namespace

int verify(const VerifyOptions& options) {
  std::vector<ObjectReport> reports;
  Counts counts;
  for (const std::string& path : options.objects) {
    auto report = judge_object(path, options, counts);
    if (!report) return give_up(report.error());
    if (options.json) reports.push_back(std::move(*report));
  }
  if (options.json) {
    fmt::print("{}", report_json(reports));
  } else if (options.log == 0) {
    fmt::print("{} accepted, {} refused, {} not judged yet\n", counts.accepted, counts.refused, counts.not_judged);
  }
  return counts.refused + counts.not_judged == 0 ? exit_ok : exit_refused;
}

}  // namespace skep::cli
