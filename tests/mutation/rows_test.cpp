// The bugs to plant are still there to be planted: what each replaces stands in its file, once.
#include <doctest/doctest.h>

#include <algorithm>
#include <fstream>
#include <initializer_list>
#include <set>
#include <sstream>
#include <string>
#include <vector>

namespace skep {
namespace {

struct Mutant {
  std::string file, name, old_text, new_text;
};

void append_line(std::string& text, std::string_view line, bool& any) {
  if (any) text += '\n';
  text += line;
  any = true;
}

std::vector<Mutant> read_mutants(const char* table) {
  std::ifstream file(table);
  std::vector<Mutant> mutants;
  bool any_old = false, any_new = false;
  for (std::string line; std::getline(file, line);) {
    const std::string rest = line.size() > 2 ? line.substr(2) : "";
    if (line.starts_with("@ ")) {
      const std::size_t bar = rest.find(" | ");
      REQUIRE(bar != std::string::npos);
      mutants.push_back({rest.substr(0, bar), rest.substr(bar + 3), {}, {}});
      any_old = any_new = false;
    } else if (line.starts_with("- ")) {
      append_line(mutants.back().old_text, rest, any_old);
    } else if (line.starts_with("+ ")) {
      append_line(mutants.back().new_text, rest, any_new);
    }
  }
  return mutants;
}

std::size_t occurrences(const std::string& text, const std::string& part) {
  std::size_t count = 0;
  for (std::size_t at = text.find(part); at != std::string::npos; at = text.find(part, at + 1)) ++count;
  return count;
}

void check(const char* table, std::initializer_list<const char*> rooms, std::size_t fewest) {
  const std::vector<Mutant> mutants = read_mutants(table);
  CHECK(mutants.size() >= fewest);
  std::set<std::string> names;
  for (const Mutant& mutant : mutants) {
    CAPTURE(mutant.file);
    CAPTURE(mutant.name);
    std::ifstream file(mutant.file);
    std::stringstream text;
    text << file.rdbuf();
    CHECK(std::any_of(rooms.begin(), rooms.end(), [&](const char* room) { return mutant.file.starts_with(room); }));
    CHECK(!mutant.old_text.empty());
    CHECK(mutant.old_text != mutant.new_text);
    CHECK(occurrences(text.str(), mutant.old_text) == 1);
    CHECK(names.insert(mutant.name).second);
  }
}

TEST_CASE(
    "each bug to plant has one place in the verifier or in lowering, a change to make there, and a name of its own") {
  check("tests/mutation/mutants.txt", {"src/verifier/", "src/lower/"}, 60);
}

TEST_CASE("each bug to plant has one place in the JIT, a change to make there, and a name of its own") {
  check("tests/mutation/jit/mutants.txt", {"src/jit/"}, 50);
}

}  // namespace
}  // namespace skep
