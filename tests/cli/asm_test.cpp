// Text in, bytes out, and back through the plug-in.
#include <doctest/doctest.h>

#include "cli/command.hpp"

using namespace skep;

namespace {

constexpr const char* kProgram = "r0 = 0x2a\nexit\n";
constexpr const char* kHex = "b7 00 00 00 2a 00 00 00 95 00 00 00 00 00 00 00\n";

}  // namespace

TEST_CASE("asm writes bytes, hex or words, to a file or on") {
  const std::string binary("\xb7\0\0\0\x2a\0\0\0\x95\0\0\0\0\0\0\0", 16);
  CHECK(command::skep({"asm"}, kProgram).out == binary);
  CHECK(command::skep({"asm", "-"}, kProgram).out == binary);
  CHECK(command::skep({"asm", "--hex", command::write_file("p.s", kProgram)}).out == kHex);
  CHECK(command::skep({"asm", "--words"}, kProgram).out == "0000002a000000b7\n0000000000000095\n");
  const std::string out = command::scratch_path("p.bin");
  const auto outcome = command::skep({"asm", "-o", out}, kProgram);
  CHECK(outcome.out.empty());
  CHECK(command::read_file(out) == binary);
}

TEST_CASE("asm says which line is wrong, and fails as an input error") {
  const auto outcome = command::skep({"asm"}, "r0 = 1\nfoo bar\n");
  CHECK(outcome.code == 4);
  CHECK(outcome.out.empty());
  CHECK(outcome.err.starts_with("skep: standard input: line 2: "));
  CHECK(command::skep({"asm", "/nonexistent.s"}).code == 4);
  CHECK(command::skep({"asm", "-o", "/nonexistent/out"}, kProgram).code == 4);
  CHECK(command::skep({"asm", "--hex", "--words"}, kProgram).code == 2);
}

TEST_CASE("plugin takes the program from standard input or the option, and memory as it comes") {
  CHECK(command::skep({"plugin"}, kHex).out == "2a\n");
  CHECK(command::skep({"plugin", ""}, kHex).out == "2a\n");
  CHECK(command::skep({"plugin", "--program", kHex}).out == "2a\n");
  const std::string load = command::skep({"asm", "--hex"}, "r0 = *(u16 *)(r1 + 0)\nr0 += r2\nexit\n").out;
  CHECK(command::skep({"plugin", "34 12 ff"}, load).out == "1237\n");
  CHECK(command::skep({"plugin", "3412ff"}, load).out == "1237\n");
  CHECK(command::skep({"plugin", "34 12 ff", "--program", load}).out == "1237\n");
  CHECK(command::skep({"plugin", "--debug", "34 12"}, load).err.find("3 instruction") != std::string::npos);
}

TEST_CASE("plugin exits non-zero with a message when a program is refused, faults or is no hex") {
  struct Case {
    std::vector<std::string> arguments;
    std::string input;
    int code;
    std::string message;
  };
  const std::string load = "79 10 00 00 00 00 00 00 95 00 00 00 00 00 00 00";
  const Case cases[] = {
      {{"plugin"}, load, 3, "bad_load"},
      {{"plugin", "01 02"}, load, 3, "bad_load"},
      {{"plugin"}, "8e 00 00 00 00 00 00 00", 1, "insn 0"},
      {{"plugin"}, "95 00 00", 1, "3 bytes"},
      {{"plugin"}, "", 1, "program"},
      {{"plugin"}, "9z", 4, "'9z'"},
      {{"plugin"}, "950", 4, "'0'"},
      {{"plugin", "0g"}, load, 4, "memory"},
      {{"plugin", "--elf"}, "7f 45 4c 46", 1, "elf"},
      {{"plugin"}, "85 00 00 00 00 20 00 00 95 00 00 00 00 00 00 00", 1, "8192"},
  };
  for (const Case& each : cases) {
    const auto outcome = command::skep(each.arguments, each.input);
    CHECK_MESSAGE(outcome.code == each.code, each.input, ": ", outcome.err);
    CHECK_MESSAGE(outcome.err.find(each.message) != std::string::npos, outcome.err);
    CHECK(outcome.out.empty());
  }
}

TEST_CASE("plugin runs the first program of an ELF file") {
  const auto object = command::object("several");
  if (!object) return;
  std::string hex;
  for (const char c : command::read_file(*object)) {
    constexpr const char* kDigits = "0123456789abcdef";
    hex += {kDigits[static_cast<unsigned char>(c) >> 4], kDigits[c & 15], ' '};
  }
  CHECK(command::skep({"plugin", "--elf"}, hex).out == "3\n");  // by_object, which sends packets back
}
