// The report for people: verdicts first, then faults, maps, globals and events; nothing that did not happen.
#include <fmt/format.h>

#include "cli/input.hpp"
#include "cli/map_text.hpp"
#include "cli/object_facts.hpp"
#include "cli/quantity.hpp"
#include "cli/run_report.hpp"
#include "cli/table.hpp"

namespace skep::cli {
namespace {

struct VerdictRow {
  std::size_t index;
  const char* name;
  Tone tone;
};
/// In the order in which people look for them.
constexpr VerdictRow kVerdicts[] = {
    {2, "pass", Tone::good},     {1, "drop", Tone::bad},    {3, "tx", Tone::note},
    {4, "redirect", Tone::note}, {0, "aborted", Tone::bad}, {Report::kInvalidVerdict, "invalid", Tone::bad},
};

std::string verdict_table(const Report& report, const Look& look) {
  Table table;
  table.column("verdict", Table::Align::left);
  table.column("packets", Table::Align::right);
  table.column("", Table::Align::right);
  table.column("bytes", Table::Align::right);
  std::size_t rows = 0;
  Tally total;
  const auto add = [&](const char* name, Tone tone, const Tally& tally) {
    if (tally.runs == 0) return;
    table.row({{name, tone}, grouped(tally.runs), percent(tally.runs, report.runs), byte_count(tally.bytes)});
    total.runs += tally.runs;
    total.bytes += tally.bytes;
    ++rows;
  };
  for (const VerdictRow& verdict : kVerdicts) add(verdict.name, verdict.tone, report.verdicts[verdict.index]);
  add("fault", Tone::bad, report.faulted);
  if (rows > 1) table.row({"total", grouped(total.runs), "", byte_count(total.bytes)});
  if (rows == 0) return "\n  no packets\n";
  return "\n" + table.text(look.paint);
}

std::string value_table(const Report& report, const Look& look) {
  if (report.values.size() == 1 && report.runs == 1)
    return fmt::format("\n  r0 = {0} ({0:#x})\n", report.values.begin()->first);
  if (report.values.empty()) return {};
  Table table;
  table.column("r0", Table::Align::right);
  table.column("", Table::Align::right);
  table.column("runs", Table::Align::right);
  for (const auto& [value, runs] : report.values)
    table.row({fmt::format("{}", value), fmt::format("{:#x}", value), grouped(runs)});
  if (report.other_values != 0) table.row({"others", "", grouped(report.other_values)});
  return "\n" + table.text(look.paint);
}

std::string redirect_lines(const Report& report) {
  std::string out;
  for (const auto& [target, packets] : report.redirects)
    out += fmt::format("  redirect to {}: {}\n", printable(target), counted(packets, "packet"));
  return out.empty() ? out : "\n" + out;
}

std::string fault_lines(const Report& report, const Look& look, const char* thing) {
  if (report.faulted.runs == 0) return {};
  std::string kinds;
  for (const auto& [kind, count] : report.fault_kinds)
    kinds += fmt::format("{}{} {}", kinds.empty() ? "" : ", ", grouped(count), kind);
  std::string explained;
  for (const char c : report.first_fault) explained += c == '\n' ? std::string("\n  ") : printable({&c, 1});
  return fmt::format("\n{}  {}\n  {} {}: {}\n", look.paint(Tone::bad, "faults"), look.paint(Tone::faint, kinds), thing,
                     grouped(report.first_fault_run), explained);
}

/// What stood between the program and this process, where it was not a guard at each access.
std::string_view how_run(const RunOptions& options) {
  if (options.verify) return options.mode == Mode::enforced ? ", verified and guarded" : ", verified";
  return options.mode == Mode::unguarded ? ", unguarded" : "";
}

std::string closing_lines(const Session& session, const Report& report, const RunOptions& options) {
  std::string out;
  const char* thing = session.is_xdp() ? "packet" : "run";
  if (report.runs != 0)
    out += fmt::format("{} in {}, {} each{}", counted(report.runs, thing), duration(report.run_ns),
                       duration(report.run_ns / static_cast<double>(report.runs)), how_run(options));
  if (report.written) out += fmt::format("; {} written to {}", counted(*report.written, "packet"), *options.write);
  if (out.empty()) return {};
  std::string notes;
  if (report.cut_packets != 0)
    notes += fmt::format("note: the capture holds only the beginning of {}\n", counted(report.cut_packets, "packet"));
  if (report.odd_link_type)
    notes +=
        fmt::format("note: the capture's link type is {}, XDP programs expect Ethernet (1)\n", *report.odd_link_type);
  return fmt::format("\n{}\n{}", out, notes);
}

std::string input_name(const Session& session, const RunOptions& options) {
  if (options.pcap) return file_name(*options.pcap);
  if (options.data) return file_name(*options.data);
  return session.is_xdp() ? "a packet of 64 zero bytes" : "an empty context";
}

}  // namespace

std::string run_heading(const Session& session, const RunOptions& options) {
  const Paint paint = Paint::for_stdout();
  const Program& program = session.program();
  std::string rounds = options.repeat == 1 ? "" : fmt::format(", {} times", grouped(options.repeat));
  return fmt::format("{}  {}\n", paint(Tone::strong, printable(program.name())),
                     paint(Tone::faint, fmt::format("{} from {} on {}{}", name_of(program.type()),
                                                    session.object().name(), input_name(session, options), rounds)));
}

std::string report_text(const Session& session, const Report& report, const RunOptions& options) {
  const Look look{Paint::for_stdout(), options.all};
  const Object& object = session.object();
  std::string out = session.is_xdp() ? verdict_table(report, look) : value_table(report, look);
  out += redirect_lines(report);
  out += fault_lines(report, look, session.is_xdp() ? "packet" : "run");
  const auto& defs = object.spec().maps;
  for (std::size_t i = 0; i < defs.size() && i < object.maps().size(); ++i)
    if (!holds_globals(defs[i]) && has_entries(object.maps()[i])) out += map_text(object, object.maps()[i], look);
  for (const EventLog& log : report.events) out += events_text(object, log, look);
  out += globals_text(object, look);
  return out + closing_lines(session, report, options);
}

}  // namespace skep::cli
