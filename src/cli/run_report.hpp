// What `skep run` shows: for people, or for machines.
#pragma once

#include <string>

#include "cli/run_session.hpp"

namespace skep::cli {

/// The line before the run: what runs on what.
[[nodiscard]] std::string run_heading(const Session& session, const RunOptions& options);
/// Everything after it.
[[nodiscard]] std::string report_text(const Session& session, const Report& report, const RunOptions& options);
[[nodiscard]] std::string report_json(const Session& session, const Report& report, const RunOptions& options);

}  // namespace skep::cli
