// Counting, and reading the list of known differences.
#include "referee/verdicts/matrix.hpp"

#include <fmt/format.h>

namespace skep::referee {
namespace {

constexpr const char* kList = "tests/referee/verdicts/differences.txt";
constexpr std::size_t kColumns = 5;

std::vector<std::string> columns_of(const std::string& line) {
  std::vector<std::string> columns;
  std::size_t from = 0;
  while (columns.size() + 1 < kColumns) {
    const std::size_t tab = line.find('\t', from);
    if (tab == std::string::npos) break;
    columns.push_back(line.substr(from, tab - from));
    from = tab + 1;
  }
  columns.push_back(line.substr(from));
  return columns;
}

}  // namespace

std::string_view name_of(Outcome outcome) noexcept {
  constexpr std::string_view kNames[] = {"same", "too strict", "too lax", "not supported"};
  return kNames[static_cast<std::size_t>(outcome)];
}

Outcome compare(bool referee_accepts, const verifier::Finding* finding) noexcept {
  if (finding != nullptr && verifier::is_unsupported(finding->code)) return Outcome::later;
  if ((finding == nullptr) == referee_accepts) return Outcome::same;
  return referee_accepts ? Outcome::strict : Outcome::lax;
}

KnownDifferences::KnownDifferences(std::string judge) {
  std::ifstream file(kList);
  for (std::string line; std::getline(file, line);) {
    if (line.empty() || line.front() == '#') continue;
    const auto columns = columns_of(line);
    if (columns.size() == kColumns && columns[0] == judge) lines_.push_back({columns[1], columns[2], columns[3], line});
  }
}

std::optional<std::string> KnownDifferences::find(std::string_view object, std::string_view program, Outcome outcome) {
  for (Line& line : lines_) {
    const bool other = line.outcome == name_of(outcome == Outcome::strict ? Outcome::lax : Outcome::strict);
    if (line.object != object || (line.program != "*" && line.program != program) || other) continue;
    line.seen = true;
    return line.outcome;
  }
  return {};
}

std::vector<std::string> KnownDifferences::unseen() const {
  std::vector<std::string> texts;
  for (const Line& line : lines_)
    if (!line.seen) texts.push_back(line.text);
  return texts;
}

void Matrix::count(Outcome outcome, std::string_view object, std::string_view program, std::string_view cause) {
  const bool differs = outcome == Outcome::strict || outcome == Outcome::lax;
  const auto listed = differs ? known.find(object, program, outcome) : std::nullopt;
  if (listed && listed != name_of(outcome)) {
    ++apart[*listed];
    return;
  }
  ++counts[static_cast<std::size_t>(outcome)];
  if (outcome != Outcome::same) ++causes[fmt::format("{}: {}", name_of(outcome), cause)];
  if (differs && !listed)
    unexplained.push_back(fmt::format("{}\t{}\t{}\t{}\t{}", judge, object, program, name_of(outcome), cause));
}

void Matrix::print() const {
  for (const auto& [cause, number] : causes) fmt::print("{:6} {}\n", number, cause);
  for (const std::string& line : unexplained) fmt::print("unlisted\t{}\n", line);
  std::string others;
  for (const auto& [why, number] : apart) others += fmt::format(", {} apart ({})", number, why);
  fmt::print("{}: {} same, {} too strict, {} too lax, {} not supported{}\n", judge, (*this)[Outcome::same],
             (*this)[Outcome::strict], (*this)[Outcome::lax], (*this)[Outcome::later], others);
}

double Matrix::same_share() const noexcept {
  const std::size_t judged = counts[0] + counts[1] + counts[2];
  return judged == 0 ? 100 : 100.0 * static_cast<double>(counts[0]) / static_cast<double>(judged);
}

}  // namespace skep::referee
