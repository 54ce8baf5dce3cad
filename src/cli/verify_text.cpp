// A program's verdict for people: one line, then what is wrong with it, then where the time goes.
#include <algorithm>
#include <map>

#include <fmt/format.h>

#include "cli/input.hpp"
#include "cli/quantity.hpp"
#include "cli/table.hpp"
#include "cli/verify_report.hpp"
#include "isa/text.hpp"

namespace skep::cli {
namespace {

constexpr std::size_t kMostLines = 16;

Tone tone_of(Judgement judgement) {
  switch (judgement) {
    case Judgement::accepted:
      return Tone::good;
    case Judgement::refused:
      return Tone::bad;
    case Judgement::not_judged:
      return Tone::note;
  }
  return Tone::plain;
}

std::string summary(const ProgramReport& report, const Paint& paint) {
  const Program& program = report.verdict.program();
  const VerifyStats& stats = report.verdict.stats();
  std::string line = fmt::format(
      "  {:<28} {:<14} {}  {} insns, {} processed ({:.2f} % of Linux' limit), {} states, {} of {} branches, "
      "{} of {} B stack",
      printable(program.name()), name_of(program.type()),
      paint(tone_of(report.judgement()), name_of(report.judgement())), program.insns().size(), grouped(stats.processed),
      100.0 * stats.processed / kMostProcessed, stats.total_states, stats.longest_queue, kMostBranches,
      stats.stack_bytes, kMostStack);
  if (stats.peak_bytes != 0) line += fmt::format(", {} memory", byte_count(stats.peak_bytes));
  return line + fmt::format(", {}\n", duration(report.took.count()));
}

/// The library's lines, in colour.
std::string problem_text(Problem problem, bool explain, const Paint& paint) {
  if (!explain) problem.path.clear();
  const std::string lines = explain_text({&problem, 1});
  std::string text;
  for (std::string_view rest = lines; !rest.empty();) {
    const std::string line = printable(rest.substr(0, rest.find('\n')));
    rest.remove_prefix(std::min(line.size() + 1, rest.size()));
    const bool is_hint = line.starts_with("  hint:"), is_first = text.empty();
    text += fmt::format("    {}\n", paint(is_first ? Tone::strong : is_hint ? Tone::note : Tone::plain, line));
  }
  return text;
}

/// The rows of one source line, put together.
struct LineProfile {
  std::string source;
  std::uint64_t processed = 0, covered = 0, missed = 0;
  const InsnProfile* worst = nullptr;
};

std::vector<LineProfile> by_line(const ProgramReport& report) {
  const Program& program = report.verdict.program();
  std::map<std::string, LineProfile> lines;
  for (const InsnProfile& row : report.profile) {
    std::string source = program.source_at(row.pc);
    if (source.empty()) source = fmt::format("insn {}: {}", row.pc, isa::disassemble(program.insns(), row.pc));
    LineProfile& line = lines[source];
    line.source = source;
    line.processed += row.processed + row.covered;
    line.covered += row.covered;
    line.missed += row.missed;
    if (!row.why.empty() && (line.worst == nullptr || row.missed > line.worst->missed)) line.worst = &row;
  }
  std::vector<LineProfile> sorted;
  for (auto& [source, line] : lines) sorted.push_back(std::move(line));
  std::sort(sorted.begin(), sorted.end(), [](const LineProfile& a, const LineProfile& b) {
    return a.processed != b.processed ? a.processed > b.processed : a.source < b.source;
  });
  return sorted;
}

std::string profile_text(const ProgramReport& report, const Paint& paint) {
  Table table;
  table.column("processed", Table::Align::right);
  table.column("share", Table::Align::right);
  table.column("pruned", Table::Align::right);
  table.column("missed", Table::Align::right);
  table.column("line, and what differed where pruning missed", Table::Align::left);
  const auto lines = by_line(report);
  const std::uint64_t all = report.verdict.stats().processed;
  for (std::size_t i = 0; i < std::min(lines.size(), kMostLines); ++i) {
    const LineProfile& line = lines[i];
    table.row({grouped(line.processed), percent(line.processed, all), grouped(line.covered), grouped(line.missed),
               printable(line.source)});
    if (line.worst != nullptr) table.row({"", "", "", "", {"  " + printable(line.worst->why), Tone::faint}});
  }
  std::string text = table.text(paint, 4);
  if (lines.size() > kMostLines) text += fmt::format("    … and {} lines more\n", lines.size() - kMostLines);
  return text;
}

}  // namespace

const char* name_of(Judgement judgement) noexcept {
  switch (judgement) {
    case Judgement::accepted:
      return "accepted";
    case Judgement::refused:
      return "refused";
    case Judgement::not_judged:
      return "not judged";
  }
  return "";
}

Judgement ProgramReport::judgement() const noexcept {
  if (verdict.ok()) return Judgement::accepted;
  return verdict.problems().front().unsupported ? Judgement::not_judged : Judgement::refused;
}

std::string report_text(const ProgramReport& report, bool explain, const Paint& paint) {
  std::string text = summary(report, paint);
  for (const Problem& problem : report.problems) text += problem_text(problem, explain, paint);
  if (!report.profile.empty()) text += profile_text(report, paint);
  return text;
}

}  // namespace skep::cli
