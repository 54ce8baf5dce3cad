// What a verification has found so far, and whether it is to look for more.
//
// The first finding is the verdict's reason. Those after it come from other paths and other functions, are no more than
// was asked for, and cost no more than a budget; each code is named once at an instruction.
#pragma once

#include <algorithm>
#include <cstdint>
#include <utility>
#include <vector>

#include "verifier/diagnose/finding.hpp"

namespace skep::verifier {

class Findings {
 public:
  /// `wanted` is at least 1; `budget` counts instructions processed after the first finding.
  Findings(std::uint32_t wanted, std::uint32_t budget) : wanted_(wanted), budget_(budget) {}

  /// Takes a finding in that is none yet. `processed`: instructions so far, on all paths.
  void add(const Finding& finding, std::uint32_t processed) {
    const bool known = std::any_of(found_.begin(), found_.end(), [&](const Finding& other) {
      return other.code == finding.code && other.pc == finding.pc;
    });
    // That the search takes long is news only when nothing else is known.
    const bool gives_up = finding.code == Code::too_many_insns || finding.code == Code::too_many_branches;
    if (found_.empty()) first_at_ = processed;
    if (!known && !(gives_up && !found_.empty())) found_.push_back(finding);
    over_ = over_ || gives_up || found_.size() >= wanted_;
  }
  /// Nothing more is to be looked for.
  [[nodiscard]] bool is_over(std::uint32_t processed) const noexcept {
    return over_ || (!found_.empty() && processed - first_at_ > budget_);
  }
  [[nodiscard]] std::vector<Finding> take() noexcept { return std::move(found_); }

 private:
  std::vector<Finding> found_;
  std::uint32_t wanted_, budget_;
  std::uint32_t first_at_ = 0;
  bool over_ = false;
};

}  // namespace skep::verifier
