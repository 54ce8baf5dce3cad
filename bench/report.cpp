#include "report.hpp"

#include <algorithm>
#include <cmath>
#include <functional>
#include <limits>
#include <vector>

#include <fmt/format.h>

#include "engines.hpp"

namespace skep::bench {
namespace {

constexpr double kNothing = std::numeric_limits<double>::quiet_NaN();

std::size_t index_of(std::string_view engine) {
  const auto all = engines();
  return static_cast<std::size_t>(
      std::find_if(all.begin(), all.end(), [&](const Engine& one) { return one.name == engine; }) - all.begin());
}

double ratio(const RunRow& row, std::size_t engine) { return row.ns[engine] / row.ns[index_of("native")]; }
double ratio_to_inlined(const RunRow& row, std::size_t engine) {
  const double inlined = row.ns[index_of("inlined")];
  return std::isnan(inlined) ? ratio(row, engine) : row.ns[engine] / inlined;
}

using Ratio = double (*)(const RunRow& row, std::size_t engine);

using Counts = std::function<bool(const RunRow&)>;

bool in_means(const RunRow& row) { return row.program->work != Work::nothing; }
bool is_computation(const RunRow& row) { return row.program->work == Work::computation; }
bool dpdk_runs(const RunRow& row) { return in_means(row) && !std::isnan(row.ns[index_of("dpdk")]); }

/// The geometric mean of what is a number in the rows that count; not a number when there is none.
double mean(std::span<const RunRow> rows, const Counts& counts, const std::function<double(const RunRow&)>& value) {
  double sum = 0;
  int count = 0;
  for (const RunRow& row : rows) {
    if (!counts(row) || std::isnan(value(row))) continue;
    sum += std::log(value(row));
    ++count;
  }
  return count == 0 ? kNothing : std::exp(sum / count);
}

/// Two digits behind the point, or a dash for what is not a number.
std::string number(double value) { return std::isnan(value) ? "-" : fmt::format("{:.2f}", value); }

std::string means_line(std::string_view title, std::span<const RunRow> rows, const Counts& counts,
                       std::initializer_list<std::string_view> names, Ratio ratio_of = ratio) {
  std::string line(title);
  const char* separator = ": ";
  for (const std::string_view name : names) {
    const auto of_engine = [&](const RunRow& row) { return ratio_of(row, index_of(name)); };
    line += fmt::format("{}{} {}", separator, name, number(mean(rows, counts, of_engine)));
    separator = ", ";
  }
  return line + '\n';
}

std::string cell(double ns, double against_native) {
  if (std::isnan(ns)) return fmt::format(" | {:>8} {:>6}", "-", "-");
  return fmt::format(" | {:>8.1f} {:>6.2f}", ns, against_native);
}

std::string row_line(const RunRow& row) {
  std::string line = fmt::format("{:<16}{:>7.0f}", row.program->name, row.insns);
  for (std::size_t engine = 0; engine < row.ns.size(); ++engine) line += cell(row.ns[engine], ratio(row, engine));
  return line + fmt::format(" | {:>7.0f}\n", row.compile_ns);
}

std::string mean_row(std::string_view title, std::span<const RunRow> rows, const Counts& counts) {
  std::string line = fmt::format("{:<23}", title);
  for (std::size_t engine = 0; engine < engines().size(); ++engine) {
    const auto of_engine = [&](const RunRow& row) { return ratio(row, engine); };
    line += fmt::format(" | {:>8} {:>6}", "", number(mean(rows, counts, of_engine)));
  }
  return line + fmt::format(" | {:>7.0f}\n", mean(rows, counts, [](const RunRow& row) { return row.compile_ns; }));
}

std::string head_lines() {
  std::string head = fmt::format("\n{:<16}{:>7}", "program", "insns");
  std::string units = fmt::format("{:<23}", "");
  for (const Engine& engine : engines()) {
    head += fmt::format(" | {:<15}", engine.name);
    units += fmt::format(" | {:>8} {:>6}", "ns", "xnativ");
  }
  return head + " | compile\n" + units + " |  ns/ins\n";
}

std::string worst_line(std::span<const RunRow> rows) {
  std::string line = "worst";
  const char* separator = ": ";
  for (const std::string_view name : {"jit", "interpreter", "kernel", "dpdk"}) {
    const RunRow* worst = nullptr;
    const auto ratio_here = [&](const RunRow& row) { return ratio(row, index_of(name)); };
    for (const RunRow& row : rows)
      if (in_means(row) && !std::isnan(ratio_here(row)) && (worst == nullptr || ratio_here(row) > ratio_here(*worst)))
        worst = &row;
    if (worst == nullptr) continue;
    line += fmt::format("{}{} {:.2f} ({})", separator, name, ratio_here(*worst), worst->program->name);
    separator = ", ";
  }
  return line + '\n';
}

std::string per_insn_line(std::span<const RunRow> rows) {
  const auto of = [&](std::string_view engine) {
    return number(mean(rows, in_means, [&](const RunRow& row) { return row.ns[index_of(engine)] / row.insns; }));
  };
  return fmt::format("ns an instruction: jit {}, interpreter {}; guarded: jit {}, interpreter {}\n", of("jit"),
                     of("interpreter"), of("jit_guarded"), of("guarded"));
}

}  // namespace

std::string runs_table(std::span<const RunRow> rows) {
  if (rows.empty()) return {};
  std::string text = head_lines();
  for (const RunRow& row : rows) text += row_line(row);
  text += mean_row("geometric mean", rows, in_means) + mean_row("computation only", rows, is_computation) + '\n';
  text += per_insn_line(rows) + worst_line(rows);
  text += means_line("geomean where dpdk runs", rows, dpdk_runs, {"jit", "interpreter", "kernel", "dpdk"});
  text += means_line("geomean of computation", rows, is_computation, {"jit", "interpreter", "kernel", "scalar"});
  text += means_line("geomean against inlined maps and helpers", rows, in_means, {"jit", "interpreter", "kernel"},
                     ratio_to_inlined);
  return text + means_line("geomean", rows, in_means, {"jit", "interpreter", "kernel"});
}

bool ListReporter::ReportContext(const Context& context) {
  PrintBasicContext(&GetErrorStream(), context);
  return true;
}

void ListReporter::ReportRuns(const std::vector<Run>& runs) {
  for (const Run& run : runs) {
    if (run.error_occurred) GetErrorStream() << fmt::format("SKIP: {}: {}\n", run.run_name.str(), run.error_message);
    if (run.error_occurred || run.run_type != Run::RT_Iteration || run.iterations == 0) continue;
    const double ns = run.cpu_accumulated_time * 1e9 / static_cast<double>(run.iterations);
    const auto [least, fresh] = least_ns_.try_emplace(run.run_name.str(), ns);
    if (!fresh) least->second = std::min(least->second, ns);
  }
}

void ListReporter::Finalize() {
  for (const auto& [name, ns] : least_ns_) GetOutputStream() << fmt::format("{:<36}{:>12.2f} ns\n", name, ns);
}

}  // namespace skep::bench
