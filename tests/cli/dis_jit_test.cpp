// skep dis --jit: what it prints is all of the code, beside the instructions it came from.
#include <doctest/doctest.h>

#include <algorithm>
#include <sstream>

#include "cli/command.hpp"

namespace {

using skep::command::object;

skep::command::Outcome run(const std::vector<std::string>& arguments) { return skep::command::skep(arguments); }

std::vector<std::string> lines_of(const std::string& text) {
  std::vector<std::string> lines;
  std::istringstream stream(text);
  for (std::string line; std::getline(stream, line);) lines.push_back(line);
  return lines;
}

/// "     1a:  8b 47 04" -> offset and text behind it. Instructions of eBPF have their colon at the seventh character.
struct CodeLine {
  std::uint64_t at = 0;
  std::string text;
};
std::vector<CodeLine> code_lines(const std::string& out) {
  std::vector<CodeLine> found;
  for (const std::string& line : lines_of(out))
    if (line.size() > 15 && line[12] == ':' && line.starts_with("    "))
      found.push_back({std::stoull(line.substr(0, 12), nullptr, 16), line.substr(15)});
  std::sort(found.begin(), found.end(), [](const CodeLine& a, const CodeLine& b) { return a.at < b.at; });
  return found;
}

/// The bytes that a line begins with, in hex.
std::size_t count_bytes(const std::string& text) {
  std::size_t bytes = 0;
  while (bytes * 3 + 2 <= text.size() && isxdigit(text[bytes * 3]) != 0 && isxdigit(text[bytes * 3 + 1]) != 0 &&
         (bytes * 3 + 2 == text.size() || text[bytes * 3 + 2] == ' '))
    ++bytes;
  return bytes;
}

std::size_t bytes_in_heading(const std::string& out) {
  const std::size_t at = out.find(" bytes, ");
  REQUIRE(at != std::string::npos);
  return std::stoull(out.substr(out.rfind('\n', at) + 1));
}

bool has_jit(const std::string& object) {
  const bool has = run({"dis", "--jit=raw", object}).err.find("none for this processor") == std::string::npos;
  if (!has) MESSAGE("SKIP: no JIT for this processor");
  return has;
}

bool has_text(const std::string& object) {
  const bool has = run({"dis", "--jit", object}).code == 0;
  if (!has) MESSAGE("SKIP: this command was built without libcapstone");
  return has;
}

}  // namespace

TEST_CASE("dis --jit=raw shows every byte of the code once, whatever the mode") {
  const auto file = object("perf");
  if (!file || !has_jit(*file)) return;
  for (const char* mode : {"--verified", "--guarded", "--unguarded", "--metered"}) {
    const auto shown = run({"dis", "--jit=raw", mode, *file});
    CAPTURE(mode);
    REQUIRE_MESSAGE(shown.code == 0, shown.err);
    std::uint64_t next = 0;
    for (const CodeLine& line : code_lines(shown.out)) {
      REQUIRE(line.at == next);
      next += count_bytes(line.text);
    }
    CHECK(next == bytes_in_heading(shown.out));
  }
}

TEST_CASE("dis --jit takes apart the same bytes, and no byte of them is no instruction") {
  const auto file = object("verdicts");
  if (!file || !has_jit(*file) || !has_text(*file)) return;
  const auto shown = run({"dis", "--jit", "--guarded", "--bytes", *file});
  REQUIRE(shown.code == 0);
  std::uint64_t next = 0;
  for (const CodeLine& line : code_lines(shown.out)) {
    REQUIRE(line.at == next);
    next += count_bytes(line.text);
    CHECK(line.text.find(".byte") == std::string::npos);
  }
  CHECK(next == bytes_in_heading(shown.out));
}

TEST_CASE("dis --jit leaves the lines of dis as they are, in their order") {
  const auto file = object("mistakes");
  if (!file || !has_jit(*file)) return;
  const auto plain = lines_of(run({"dis", *file}).out);
  const auto shown = lines_of(run({"dis", "--jit=raw", *file}).out);
  auto at = shown.begin();
  for (const std::string& line : plain) {
    at = std::find(at, shown.end(), line);
    REQUIRE_MESSAGE(at != shown.end(), line);
    ++at;
  }
}

TEST_CASE("dis --jit falls back to guarded code for a refused program, and says why; --verified does not") {
  const auto file = object("mistakes");
  if (!file || !has_jit(*file)) return;
  const auto best = run({"dis", "--jit=raw", "--program", "unchecked_lookup", *file});
  CHECK(best.code == 0);
  CHECK(best.out.find("guarded, for the verifier says: insn") != std::string::npos);
  const auto strict = run({"dis", "--jit=raw", "--verified", "--program", "unchecked_lookup", *file});
  CHECK(strict.code == 1);
  CHECK(strict.err.find("insn") != std::string::npos);
}

TEST_CASE("what only dis --jit knows is refused without it") {
  const auto file = object("verdicts");
  if (!file) return;
  for (const char* option : {"--guarded", "--verified", "--unguarded", "--metered", "--jit=pictures"})
    CHECK(run({"dis", option, *file}).code == 2);
}
