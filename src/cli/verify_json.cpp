// Verdicts for machines. docs/verify.schema.json says what is in them; a test holds real output against it.
#include <algorithm>

#include "cli/value_json.hpp"
#include "cli/verify_report.hpp"

namespace skep::cli {
namespace {

Json problem_json(const Problem& problem) {
  Json path = Json::array();
  for (const ProblemStep& step : problem.path)
    path.push_back({{"pc", step.pc}, {"source", step.source}, {"note", step.note}});
  return {{"code", problem.code},
          {"pc", problem.pc},
          {"message", problem.message},
          {"source", problem.source},
          {"suggestion", problem.suggestion},
          {"unsupported", problem.unsupported},
          {"path", std::move(path)}};
}

Json profile_json(const ProgramReport& report) {
  Json rows = Json::array();
  for (const InsnProfile& row : report.profile)
    rows.push_back({{"pc", row.pc},
                    {"source", report.verdict.program().source_at(row.pc)},
                    {"processed", row.processed},
                    {"covered", row.covered},
                    {"missed", row.missed},
                    {"why", row.why}});
  return rows;
}

Json program_json(const ProgramReport& report) {
  const Program& program = report.verdict.program();
  const VerifyStats& stats = report.verdict.stats();
  Json json{{"name", program.name()},
            {"section", program.section()},
            {"type", name_of(program.type())},
            {"verdict", name_of(report.judgement())},
            {"insns", program.insns().size()},
            {"processed", stats.processed},
            {"total_states", stats.total_states},
            {"peak_states", stats.peak_states},
            {"longest_queue", stats.longest_queue},
            {"stack_bytes", stats.stack_bytes},
            {"peak_bytes", stats.peak_bytes},
            {"ns", report.took.count()},
            {"problems", Json::array()}};
  for (const Problem& problem : report.problems) json["problems"].push_back(problem_json(problem));
  if (!report.profile.empty()) json["profile"] = profile_json(report);
  return json;
}

}  // namespace

std::string report_json(const std::vector<ObjectReport>& objects) {
  Json json{{"version", 1},
            {"limits", {{"processed", kMostProcessed}, {"branches", kMostBranches}, {"stack_bytes", kMostStack}}},
            {"objects", Json::array()}};
  for (const ObjectReport& object : objects) {
    Json programs = Json::array();
    for (const ProgramReport& report : object.programs) programs.push_back(program_json(report));
    json["objects"].push_back({{"path", object.path}, {"programs", std::move(programs)}});
  }
  return json_text(json);
}

}  // namespace skep::cli
