// skep verify: one line a program, and for those that are refused, why.
#include <skep/verify.hpp>

#include <chrono>

#include <fmt/format.h>

#include "cli/exit_code.hpp"
#include "cli/input.hpp"
#include "cli/terminal.hpp"
#include "cli/verbs.hpp"

namespace skep::cli {
namespace {

using Clock = std::chrono::steady_clock;

struct Counts {
  std::size_t accepted = 0, refused = 0, unsupported = 0;
};

void print_verdict(const Verdict& verdict, Clock::duration took, const Paint& paint, Counts& counts) {
  const Program& program = verdict.program();
  const VerifyStats& stats = verdict.stats();
  const bool unsupported = !verdict.ok() && verdict.problems().front().unsupported;
  ++(verdict.ok() ? counts.accepted : unsupported ? counts.unsupported : counts.refused);
  const std::string word = verdict.ok() ? "accepted" : unsupported ? "not judged" : "refused";
  fmt::print(
      "  {:<28} {:<14} {}  {} insns, {} processed ({:.2f} % of Linux' limit), {} states, {} B stack, {:.2f} ms\n",
      printable(program.name()), name_of(program.type()), paint(verdict.ok() ? Tone::good : Tone::bad, word),
      program.insns().size(), stats.processed, stats.processed / 10'000.0, stats.total_states, stats.stack_bytes,
      std::chrono::duration<double, std::milli>(took).count());
  for (const Problem& problem : verdict.problems()) {
    fmt::print("    insn {}: {} [{}]\n", problem.pc, printable(problem.message), problem.code);
    if (!problem.source.empty()) fmt::print("      {}\n", printable(problem.source));
    if (!problem.suggestion.empty()) fmt::print("      hint: {}\n", problem.suggestion);
  }
}

}  // namespace

int verify(const VerifyOptions& options) {
  ObjectOptions open;
  if (options.btf) open.target_btf = *options.btf;
  skep::VerifyOptions how;
  how.bpf = how.perfmon = !options.unprivileged;
  how.strict_alignment = options.strict_alignment;
  const Paint paint = Paint::for_stdout();
  Counts counts;
  for (const std::string& path : options.objects) {
    const auto object = Object::load_file(path, open);
    if (!object) return give_up(object.error());
    fmt::print("{}\n", paint(Tone::strong, printable(path)));
    bool found = false;
    for (const Program& program : object->programs()) {
      if (!options.program.empty() && program.name() != options.program) continue;
      found = true;
      const auto start = Clock::now();
      const Verdict verdict = skep::verify(program, how);
      print_verdict(verdict, Clock::now() - start, paint, counts);
    }
    if (!found && !options.program.empty())
      return give_up(exit_usage, fmt::format("{}: there is no program {}", path, options.program));
  }
  fmt::print("{} accepted, {} refused, {} not judged yet\n", counts.accepted, counts.refused, counts.unsupported);
  return counts.refused + counts.unsupported == 0 ? exit_ok : exit_refused;
}

}  // namespace skep::cli
