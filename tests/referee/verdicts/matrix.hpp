// How skep's word compares with a referee's, counted; and the list of the differences that are known, with their
// reason.
#pragma once

#include <array>
#include <cstdint>
#include <fstream>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "verifier/diagnose/finding.hpp"

namespace skep::referee {

enum class Outcome : std::uint8_t { same, strict, lax, later };
/// "too strict": what tables and lists call it. Static storage.
[[nodiscard]] std::string_view name_of(Outcome outcome) noexcept;
/// `finding`: skep's first; null when it accepts.
[[nodiscard]] Outcome compare(bool referee_accepts, const verifier::Finding* finding) noexcept;

/// Differences that are known and why they stay, from differences.txt: lines of
/// `judge TAB object TAB program TAB outcome TAB reason`; '*' as program: all of the object's. In place of an outcome
/// may stand why the referee does not speak for Linux as skep follows it ("newer Linux", "configuration"): such are
/// counted apart.
class KnownDifferences {
 public:
  /// The lines of one judge. Expects the repository's root as working directory.
  explicit KnownDifferences(std::string judge);
  /// What the list calls the difference, and that it was seen; nothing when it has none.
  std::optional<std::string> find(std::string_view object, std::string_view program, Outcome outcome);
  /// Lines that nothing was seen for.
  [[nodiscard]] std::vector<std::string> unseen() const;

 private:
  struct Line {
    std::string object, program, outcome, text;
    bool seen = false;
  };
  std::vector<Line> lines_;
};

/// One judge's matrix.
struct Matrix {
  explicit Matrix(std::string judge) : known(judge), judge(std::move(judge)) {}

  /// `cause`: a word or two, the same for all of a kind.
  void count(Outcome outcome, std::string_view object, std::string_view program, std::string_view cause);
  /// Prints the causes, what the list lacks, and `judge: N same, N too strict, …`.
  void print() const;
  /// In percent, of what is judged at all.
  [[nodiscard]] double same_share() const noexcept;
  [[nodiscard]] std::size_t operator[](Outcome outcome) const noexcept {
    return counts[static_cast<std::size_t>(outcome)];
  }

  KnownDifferences known;
  std::string judge;
  std::array<std::size_t, 4> counts{};
  std::map<std::string, std::size_t> apart;  ///< differences for which the referee does not count
  std::map<std::string, std::size_t> causes;
  std::vector<std::string> unexplained;
};

}  // namespace skep::referee
