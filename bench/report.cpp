#include "report.hpp"

#include <cmath>
#include <limits>

#include <fmt/format.h>

#include "engines.hpp"

namespace skep::bench {
namespace {

/// A geometric mean; what is missing everywhere is not a number.
class Mean {
 public:
  void add(double value) {
    sum_ += std::log(value);
    ++count_;
  }
  [[nodiscard]] double value() const {
    return count_ == 0 ? std::numeric_limits<double>::quiet_NaN() : std::exp(sum_ / count_);
  }

 private:
  double sum_ = 0;
  int count_ = 0;
};

struct Means {
  Mean ns_per_insn;
  Mean against_native;
};

}  // namespace

bool TableReporter::ReportContext(const Context& context) {
  PrintBasicContext(&GetErrorStream(), context);
  return true;
}

void TableReporter::ReportRuns(const std::vector<Run>& runs) {
  for (const Run& run : runs) {
    if (run.error_occurred) GetErrorStream() << fmt::format("SKIP: {}: {}\n", run.run_name.str(), run.error_message);
    if (run.error_occurred || run.run_type != Run::RT_Iteration || run.iterations == 0) continue;
    const double ns = run.cpu_accumulated_time * 1e9 / static_cast<double>(run.iterations);
    const auto insns = run.counters.find("insns");
    const auto [cell, fresh] = cells_.try_emplace(run.run_name.str(), Cell{ns, 0});
    if (insns != run.counters.end()) cell->second.insns = insns->second;
    if (!fresh) cell->second.ns = std::min(cell->second.ns, ns);
  }
}

void TableReporter::Finalize() { GetOutputStream() << others_list() << runs_table(); }

std::string TableReporter::others_list() const {
  std::string list;
  for (const auto& [name, cell] : cells_)
    if (!name.starts_with("run/")) list += fmt::format("{:<36}{:>12.1f} ns\n", name, cell.ns);
  return list;
}

std::string TableReporter::runs_table() const {
  std::map<std::string_view, Means> means;
  std::string table;
  for (const BenchProgram& program : programs()) {
    const auto cell_of = [&](std::string_view engine) {
      const auto found = cells_.find(fmt::format("run/{}/{}", program.name, engine));
      return found == cells_.end() ? nullptr : &found->second;
    };
    const Cell* native = cell_of(engines().front().name);
    if (native == nullptr) continue;
    table += fmt::format("{:<16}{:>7.0f}", program.name, native->insns);
    for (const Engine& engine : engines()) {
      const Cell* cell = cell_of(engine.name);
      if (cell == nullptr) {
        table += fmt::format(" | {:>9} {:>6} {:>6}", "-", "-", "-");
        continue;
      }
      const double per_insn = cell->ns / cell->insns;
      const double ratio = cell->ns / native->ns;
      table += fmt::format(" | {:>9.1f} {:>6.2f} {:>6.2f}", cell->ns, per_insn, ratio);
      if (!program.in_means) continue;
      means[engine.name].ns_per_insn.add(per_insn);
      means[engine.name].against_native.add(ratio);
    }
    table += '\n';
  }
  if (table.empty()) return {};
  std::string head = fmt::format("\n{:<16}{:>7}", "program", "insns");
  std::string units = fmt::format("{:<23}", "");
  std::string last = fmt::format("{:<23}", "geometric mean");
  for (const Engine& engine : engines()) {
    head += fmt::format(" | {:<23}", engine.name);
    units += fmt::format(" | {:>9} {:>6} {:>6}", "ns", "ns/ins", "xnativ");
    last += fmt::format(" | {:>9} {:>6.2f} {:>6.2f}", "", means[engine.name].ns_per_insn.value(),
                        means[engine.name].against_native.value());
  }
  return head + '\n' + units + '\n' + table + last + "\n\n" +
         fmt::format("ns an instruction: jit {:.2f}, interpreter {:.2f}; guarded: jit {:.2f}, interpreter {:.2f}\n",
                     means["jit"].ns_per_insn.value(), means["interpreter"].ns_per_insn.value(),
                     means["jit_guarded"].ns_per_insn.value(), means["guarded"].ns_per_insn.value()) +
         fmt::format("geomean: jit {:.2f}, interpreter {:.2f}, kernel {:.2f}\n", means["jit"].against_native.value(),
                     means["interpreter"].against_native.value(), means["kernel"].against_native.value());
}

}  // namespace skep::bench
