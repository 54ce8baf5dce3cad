// skep run: a session, then its report.
#include <fmt/format.h>

#include "cli/exit_code.hpp"
#include "cli/run_report.hpp"
#include "cli/verbs.hpp"

namespace skep::cli {

int run(const RunOptions& options) {
  auto session = Session::open(options);
  if (!session) return give_up(session.error());
  if (!options.json) fmt::print("{}", run_heading(*session, options));
  const auto report = session->run();
  if (!report) return give_up(report.error());
  fmt::print("{}", options.json ? report_json(*session, *report, options) : report_text(*session, *report, options));
  return report->faulted.runs == 0 ? exit_ok : exit_fault;
}

}  // namespace skep::cli
