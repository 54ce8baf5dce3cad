// What `skep verify` found out about a program, before anybody has said in which form to show it.
#pragma once

#include <chrono>
#include <string>
#include <vector>

#include <skep/verify.hpp>

#include "cli/terminal.hpp"

namespace skep::cli {

/// Linux' limits, which every report shows the distance to.
inline constexpr std::uint32_t kMostProcessed = 1'000'000, kMostBranches = 8192, kMostStack = 512;

enum class Judgement { accepted, refused, not_judged };
[[nodiscard]] const char* name_of(Judgement judgement) noexcept;

struct ProgramReport {
  Verdict verdict;
  std::chrono::duration<double, std::nano> took{};
  std::vector<Problem> problems;     ///< as many as were asked for
  std::vector<InsnProfile> profile;  ///< empty unless asked for

  [[nodiscard]] Judgement judgement() const noexcept;
};

struct ObjectReport {
  std::string path;
  std::vector<ProgramReport> programs;
};

/// Lines for people. `explain`: with the paths that lead to problems.
[[nodiscard]] std::string report_text(const ProgramReport& report, bool explain, const Paint& paint);
/// The whole report; keys as docs/verify.schema.json has them.
[[nodiscard]] std::string report_json(const std::vector<ObjectReport>& objects);

}  // namespace skep::cli
