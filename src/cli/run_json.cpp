// The report for machines. Keys are stable and documented in docs/command.md.
#include "cli/map_json.hpp"
#include "cli/map_view.hpp"
#include "cli/object_facts.hpp"
#include "cli/run_report.hpp"

namespace skep::cli {
namespace {

constexpr const char* kVerdictNames[] = {"aborted", "drop", "pass", "tx", "redirect", "invalid"};
static_assert(std::size(kVerdictNames) == Report::kInvalidVerdict + 1);

Json verdicts_json(const Report& report) {
  Json json;
  for (std::size_t i = 0; i < report.verdicts.size(); ++i)
    json[kVerdictNames[i]] = {{"packets", report.verdicts[i].runs}, {"bytes", report.verdicts[i].bytes}};
  return json;
}

Json results_json(const Report& report) {
  Json json = Json::array();
  for (const auto& [value, runs] : report.values) json.push_back({{"value", value}, {"runs", runs}});
  return json;
}

Json faults_json(const Report& report) {
  Json json{{"count", report.faulted.runs}, {"kinds", Json::object()}, {"first", nullptr}};
  for (const auto& [kind, count] : report.fault_kinds) json["kinds"][kind] = count;
  if (report.faulted.runs != 0) json["first"] = {{"run", report.first_fault_run}, {"text", report.first_fault}};
  return json;
}

}  // namespace

std::string report_json(const Session& session, const Report& report, const RunOptions& options) {
  const Object& object = session.object();
  Json json{{"object", object.name()},
            {"program", session.program().name()},
            {"type", name_of(session.program().type())},
            {"runs", report.runs},
            {"ns_per_run", report.runs == 0 ? 0.0 : report.run_ns / static_cast<double>(report.runs)}};
  if (session.is_xdp()) {
    json["verdicts"] = verdicts_json(report);
    json["redirects"] = Json::array();
    for (const auto& [target, packets] : report.redirects)
      json["redirects"].push_back({{"to", target}, {"packets", packets}});
    if (report.written) json["written"] = *report.written;
  } else {
    json["results"] = results_json(report);
  }
  json["faults"] = faults_json(report);
  json["maps"] = Json::array();
  const auto& defs = object.spec().maps;
  for (std::size_t i = 0; i < defs.size() && i < object.maps().size(); ++i)
    if (!holds_globals(defs[i]) && has_entries(object.maps()[i]))
      json["maps"].push_back(map_json(object, object.maps()[i], options.all));
  json["globals"] = globals_json(object);
  json["events"] = Json::array();
  for (const EventLog& log : report.events) json["events"].push_back(events_json(object, log));
  json["trace"] = session.trace();
  return json_text(json);
}

}  // namespace skep::cli
