// Line-based reading of C++: an #include inside a comment block or behind a macro is beyond it, and neither occurs
// here.
#include "structure/checker.hpp"

#include <algorithm>
#include <optional>
#include <sstream>

namespace skep::structure {
namespace {

std::vector<std::string> lines_of(std::string_view text) {
  std::vector<std::string> lines;
  std::istringstream stream{std::string(text)};
  for (std::string line; std::getline(stream, line);) lines.push_back(line);
  return lines;
}

/// The entry of `floors` that `path` is or lies in.
std::optional<std::pair<std::string, int>> entry_of(std::string_view path, const Floors& floors) {
  for (;;) {
    if (const auto found = floors.find(path); found != floors.end()) return *found;
    const std::size_t slash = path.rfind('/');
    if (slash == std::string_view::npos) return std::nullopt;
    path = path.substr(0, slash);
  }
}

/// Where an included name lies in the repository, if it is one of ours. A name without a folder is beside the file.
std::string path_of_include(std::string_view name) {
  return (name.starts_with("skep/") ? "include/" : "src/") + std::string(name);
}

}  // namespace

Floors parse_floors(std::string_view text, std::vector<std::string>& bad) {
  Floors floors;
  for (const std::string& line : lines_of(text)) {
    if (line.empty() || line.front() == '#') continue;
    std::istringstream fields(line);
    int floor = 0;
    std::string path;
    std::string rest;
    if (!(fields >> floor >> path) || (fields >> rest) || !floors.emplace(path, floor).second) bad.push_back(line);
  }
  return floors;
}

std::vector<std::string> includes_of(std::string_view text) {
  std::vector<std::string> names;
  for (const std::string& line : lines_of(text)) {
    std::size_t at = line.find_first_not_of(" \t");
    if (at == std::string::npos || line[at] != '#') continue;
    at = line.find_first_not_of(" \t", at + 1);
    if (at == std::string::npos || line.compare(at, 7, "include") != 0) continue;
    const std::size_t open = line.find_first_of("<\"", at + 7);
    if (open == std::string::npos) continue;
    const std::size_t close = line.find(line[open] == '<' ? '>' : '"', open + 1);
    if (close != std::string::npos) names.push_back(line.substr(open + 1, close - open - 1));
  }
  return names;
}

std::vector<std::string> check_floors(std::string_view path, std::string_view text, const Floors& floors) {
  const auto here = entry_of(path, floors);
  if (!here) return {std::string(path) + ": is on no floor of tests/structure/floors.txt"};
  std::vector<std::string> violations;
  for (const std::string& name : includes_of(text)) {
    const auto there = entry_of(path_of_include(name), floors);
    if (there && there->second > here->second)
      violations.push_back(std::string(path) + " (floor " + std::to_string(here->second) + "): includes " + name +
                           " (floor " + std::to_string(there->second) + ")");
  }
  return violations;
}

std::vector<std::string> check_public(std::string_view path, std::string_view text) {
  std::vector<std::string> violations;
  for (const std::string& name : includes_of(text)) {
    const bool standard = name.find('/') == std::string::npos && name.find('.') == std::string::npos;
    if (!standard && !name.starts_with("skep/") && name != "tl/expected.hpp")
      violations.push_back(std::string(path) + ": a public header includes " + name);
  }
  return violations;
}

std::vector<std::string> check_length(std::string_view path, std::string_view text, std::size_t limit) {
  const auto lines = static_cast<std::size_t>(std::count(text.begin(), text.end(), '\n'));
  if (lines <= limit) return {};
  return {std::string(path) + ": " + std::to_string(lines) + " lines, at most " + std::to_string(limit)};
}

std::vector<std::string> check_opening(std::string_view path, std::string_view text) {
  if (text.starts_with("//")) return {};
  return {std::string(path) + ": does not open with a comment"};
}

}  // namespace skep::structure
