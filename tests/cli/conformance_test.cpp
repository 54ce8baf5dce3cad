// The public conformance files, through the command: all at once, and one process a program as the suite's runner does.
#include <cstdio>
#include <fstream>
#include <span>
#include <string>

#include <doctest/doctest.h>
#include <fmt/format.h>

#include "cli/command.hpp"
#include "isa/conformance_file.hpp"

using namespace skep;

namespace {

std::string hex(std::span<const std::byte> bytes) {
  std::string text;
  for (const std::byte byte : bytes) text += fmt::format("{:02x} ", std::to_integer<unsigned>(byte));
  return text;
}

/// What went otherwise than the file says.
std::string difference(const isa::ConformanceCase& test) {
  const auto outcome = command::skep({"plugin", hex(test.memory)}, hex(std::as_bytes(std::span(test.insns))) + "\n");
  if (test.error) return outcome.code != 0 && !outcome.err.empty() ? "" : "ran, expected: " + *test.error;
  const std::string expected = fmt::format("{:x}\n", test.result.value_or(0));
  if (outcome.code == 0 && outcome.out == expected) return "";
  return fmt::format("exit {}, printed {}, expected {}; {}", outcome.code, outcome.out, expected, outcome.err);
}

}  // namespace

TEST_CASE("skep plugin gives the result of every public conformance file") {
  const auto tests = isa::load_conformance();
  REQUIRE_MESSAGE(tests.has_value(), tests.error().message());
  if (tests->empty()) {
    MESSAGE("SKIP: no conformance files in ", isa::kConformanceFolder);
    return;
  }
  int failed = 0;
  for (const isa::ConformanceCase& test : *tests) {
    const std::string what = difference(test);
    CHECK_MESSAGE(what.empty(), test.name, ": ", what);
    if (!what.empty()) ++failed;
  }
  CHECK(tests->size() == 313);
  std::printf("plugin: %zu passed, %d failed\n", tests->size() - static_cast<std::size_t>(failed), failed);
}

TEST_CASE("skep test-isa passes all of them and says so") {
  if (!std::ifstream("../shared/conformance/isa/add.data")) {
    MESSAGE("SKIP: no conformance files in ", isa::kConformanceFolder);
    return;
  }
  const auto outcome = command::skep({"test-isa"});
  std::printf("test-isa: %s", outcome.out.c_str());
  CHECK(outcome.out == "313 passed, 0 failed\n");
  CHECK(outcome.code == 0);
}

TEST_CASE("skep test-isa counts and names what fails") {
  const std::string path = command::write_file("wrong.data", "-- asm\nmov %r0, 1\nexit\n-- result\n2\n");
  command::write_file("right.data", "-- asm\nmov %r0, 1\nexit\n-- result\n1\n");
  const auto outcome = command::skep({"test-isa", path.substr(0, path.rfind('/'))});
  CHECK(outcome.out == "FAIL wrong: r0 is 0x1, expected 0x2\n1 passed, 1 failed\n");
  CHECK(outcome.code == 1);
  CHECK(command::skep({"test-isa", "/nonexistent"}).code == 4);
}
