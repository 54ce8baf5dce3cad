// The verb link, from outside: files in, one file out that the other verbs take, and refusals in words.
#include <doctest/doctest.h>

#include <filesystem>

#include "cli/command.hpp"

using namespace skep;

namespace {

bool has(const std::string& text, std::string_view part) { return text.find(part) != std::string::npos; }

}  // namespace

TEST_CASE("link writes an object that runs, by its own words and by bpftool's") {
  const auto one = command::object("link_maps1"), two = command::object("link_maps2");
  if (!one || !two) return;
  const std::string out = command::scratch_path("whole.o"), same = command::scratch_path("same.o");
  const auto outcome = command::skep({"link", "-o", out, *one, *two});
  CHECK(outcome.code == 0);
  CHECK(outcome.out.empty());
  CHECK(outcome.err.empty());
  CHECK(command::skep({"gen", "object", same, *one, *two}).code == 0);
  CHECK(command::read_file(out) == command::read_file(same));
  CHECK(command::skep({"link", "-o", "-", *one, *two}).out == command::read_file(out));
  const auto seen = command::skep({"inspect", out});
  for (const char* name : {"fill", "add_up", "tail", "defined_in_one", "defined_in_two", "weak_map", "calls"})
    CHECK_MESSAGE(has(seen.out, name), seen.out);
  const auto run = command::skep({"run", "--program", "fill", out});
  CHECK(run.code == 0);
}

TEST_CASE("link refuses with exit codes of their own what is refused, malformed or missing, and writes nothing") {
  const auto one = command::object("link_maps1");
  if (!one) return;
  const std::string out = command::scratch_path("none.o");
  const auto twice = command::skep({"link", "-o", out, *one, *one});
  CHECK(twice.code == 1);
  CHECK(has(twice.err, "one definition at most may be strong"));
  const auto garbage = command::skep({"link", "-o", out, command::write_file("garbage.o", "no object")});
  CHECK(garbage.code == 4);
  CHECK(has(garbage.err, "garbage.o: elf: not an ELF file"));
  CHECK(command::skep({"link", "-o", out, "/nonexistent"}).code == 4);
  CHECK(command::skep({"link", *one}).code == 2);
  CHECK(!std::filesystem::exists(out));
}
