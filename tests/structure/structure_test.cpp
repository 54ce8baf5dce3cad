// The plan of the house, kept: reads every source file and fails on an #include that leads up a floor, a public header
// that drags in another project, a file too long to see across. The checker itself is tested on planted breaches.
#include "structure/checker.hpp"

#include <filesystem>
#include <fstream>
#include <iterator>
#include <set>
#include <string>
#include <vector>

#include <doctest/doctest.h>

using namespace skep::structure;
namespace fs = std::filesystem;

namespace {

constexpr std::size_t kMaxLines = 600;

std::string read(const fs::path& path) {
  std::ifstream file(path, std::ios::binary);
  REQUIRE_MESSAGE(file.good(), "cannot read ", path.string());
  return {std::istreambuf_iterator<char>(file), {}};
}

std::vector<std::string> sources_under(const std::string& folder) {
  const std::set<std::string> kinds{".hpp", ".cpp", ".inc", ".h", ".c"};
  std::vector<std::string> paths;
  for (const auto& entry : fs::recursive_directory_iterator(folder))
    if (entry.is_regular_file() && kinds.contains(entry.path().extension().string()))
      paths.push_back(entry.path().generic_string());
  return paths;
}

Floors floors_of_the_house() {
  std::vector<std::string> bad;
  Floors floors = parse_floors(read("tests/structure/floors.txt"), bad);
  REQUIRE(bad.empty());
  return floors;
}

/// The paths in long_files.txt; each needs a reason.
std::set<std::string> long_files() {
  std::set<std::string> paths;
  std::ifstream file("tests/structure/long_files.txt");
  for (std::string line; std::getline(file, line);) {
    if (line.empty() || line.front() == '#') continue;
    const std::size_t colon = line.find(": ");
    REQUIRE_MESSAGE(colon != std::string::npos, "long_files.txt: no reason in: ", line);
    REQUIRE_MESSAGE(fs::exists(line.substr(0, colon)), "long_files.txt: no such file: ", line);
    paths.insert(line.substr(0, colon));
  }
  return paths;
}

void check_none(const std::vector<std::string>& violations) {
  for (const std::string& violation : violations) FAIL_CHECK(violation);
}

}  // namespace

TEST_CASE("no #include in src/ or include/skep/ leads up a floor") {
  const Floors floors = floors_of_the_house();
  int files = 0;
  for (const char* folder : {"src", "include/skep"})
    for (const std::string& path : sources_under(folder)) {
      check_none(check_floors(path, read(path), floors));
      ++files;
    }
  CHECK(files > 50);
}

TEST_CASE("public headers include only public headers, the standard library and tl/expected.hpp") {
  for (const std::string& path : sources_under("include/skep")) check_none(check_public(path, read(path)));
}

TEST_CASE("files can be seen across, and those of the house say at their top what they decide") {
  const std::set<std::string> exempt = long_files();
  for (const char* folder : {"src", "include/skep", "tests", "bench", "examples"})
    for (const std::string& path : sources_under(folder))
      if (!exempt.contains(path)) check_none(check_length(path, read(path), kMaxLines));
  for (const char* folder : {"src", "include/skep", "examples"})
    for (const std::string& path : sources_under(folder)) check_none(check_opening(path, read(path)));
}

TEST_CASE("the checker finds a planted #include that leads up, and lets the others pass") {
  std::vector<std::string> bad;
  const Floors floors = parse_floors("# comment\n0 src/base\n3 src/maps\n3 include/skep/map.hpp\n5 src/vm\n", bad);
  REQUIRE(bad.empty());
  const auto found = check_floors("src/maps/array.cpp",
                                  "// idea\n#include <vector>\n#include \"base/bits.hpp\"\n#include \"maps/slab.hpp\"\n"
                                  "#include <skep/map.hpp>\n  #  include \"vm/run.hpp\"\n// #include \"vm/alu.hpp\"\n",
                                  floors);
  REQUIRE(found.size() == 1);
  CHECK(found[0] == "src/maps/array.cpp (floor 3): includes vm/run.hpp (floor 5)");
  CHECK(check_floors("src/base/bits.hpp", "#include <skep/map.hpp>\n", floors).size() == 1);
  CHECK(check_floors("src/vm/deep/run.cpp", "#include \"maps/slab.hpp\"\n#include \"local.inc\"\n", floors).empty());
  CHECK(check_floors("src/attic/box.cpp", "", floors).size() == 1);
}

TEST_CASE("the checker finds a planted line that is no floor, a foreign include and a shapeless file") {
  std::vector<std::string> bad;
  CHECK(parse_floors("one src/base\n1 src/isa extra\n2 src/elf\n2 src/elf\n", bad).size() == 1);
  CHECK(bad.size() == 3);
  CHECK(check_public("include/skep/a.hpp", "#include <fmt/format.h>\n#include <asmjit/x86.h>\n").size() == 2);
  CHECK(check_public("include/skep/a.hpp", "#include \"maps/slab.hpp\"\n").size() == 1);
  CHECK(check_public("include/skep/a.hpp", "#include <span>\n#include <tl/expected.hpp>\n#include <skep/b.hpp>\n")
            .empty());
  CHECK(check_opening("a.cpp", "int x;\n").size() == 1);
  CHECK(check_opening("a.cpp", "// idea\n").empty());
  CHECK(check_length("a.cpp", "// x\n\n\n", 2).size() == 1);
  CHECK(check_length("a.cpp", "// x\n\n", 2).empty());
}
