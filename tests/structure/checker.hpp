// Rules on source files, as pure functions from text to violations, so that a test can plant a breach and see it found.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace skep::structure {

/// Floor by path: "src/vm" for a room, "include/skep/map.hpp" for a public header.
using Floors = std::map<std::string, int, std::less<>>;

/// Reads floors.txt: "floor path" a line, '#' starts a comment. A line of another form is a violation in `bad`.
[[nodiscard]] Floors parse_floors(std::string_view text, std::vector<std::string>& bad);

/// The names between <…> or "…" of a file's #include lines, in order.
[[nodiscard]] std::vector<std::string> includes_of(std::string_view text);

/// One line for each #include of the file `path` (from the repository's root) that leads up a floor, and one when the
/// file itself is on no floor. Headers of other projects are on no floor and may be included by all.
[[nodiscard]] std::vector<std::string> check_floors(std::string_view path, std::string_view text, const Floors& floors);

/// A public header includes nothing but public headers, the standard library and tl/expected.hpp.
[[nodiscard]] std::vector<std::string> check_public(std::string_view path, std::string_view text);

/// A file is at most `limit` lines long.
[[nodiscard]] std::vector<std::string> check_length(std::string_view path, std::string_view text, std::size_t limit);

/// A file opens with a comment, which says what it decides.
[[nodiscard]] std::vector<std::string> check_opening(std::string_view path, std::string_view text);

}  // namespace skep::structure
