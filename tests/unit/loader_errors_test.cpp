// What the loader refuses and how it says so; and that no bytes whatever make it crash, hang or swell.
#include <doctest/doctest.h>

#include <chrono>
#include <random>

#include "support/objects.hpp"

namespace skep {
namespace {

Result<loader::ObjectSpec> open(const objects::Image& image) { return loader::parse_object(image, "test.o"); }

/// What is wrong with the one program of an object that opens.
std::string defect_of(const objects::Image& image) {
  const auto object = open(image);
  return object ? object->programs.at(0)->defect : object.error().message();
}

std::string error_of(const objects::Image& image) {
  const auto object = open(image);
  return object ? "opened" : object.error().message();
}

TEST_CASE("what another object should define is a need of the programs that use it") {
  const auto image = objects::compile_text("missing.S", R"(
.section "xdp","ax",@progbits
.globl prog
.type prog,@function
prog:
  r1 = missing ll
  call absent
  exit
.size prog, .-prog
.globl other
.type other,@function
other:
  r0 = 1
  exit
.size other, .-other
)");
  if (!image) return;
  const auto object = open(*image);
  REQUIRE_MESSAGE(object.has_value(), object.error().message());
  const auto& program = *objects::program(*object, "prog");
  CHECK(program.need_names() ==
        std::vector<std::string>{"missing: another object defines it", "absent: another object defines it"});
  CHECK(program.insns.at(2) == Insn(0x85, 0, 2, 0, 0));
  CHECK(objects::program(*object, "other")->needs.empty());

  loader::Surroundings around;
  around.values = {{"missing", 0x1122334455667788}, {"absent", 5}};
  const auto given = loader::parse_object(*image, "test.o", {}, around);
  REQUIRE(given.has_value());
  const auto& answered = *objects::program(*given, "prog");
  CHECK(answered.insns.at(0) == Insn(0x18, 1, 0, 0, 0x55667788));
  CHECK(answered.insns.at(1) == Insn(0, 0, 0, 0, 0x11223344));
  CHECK(answered.need_names() == std::vector<std::string>{"absent"});
}

TEST_CASE("a call that leads to no function is its program's defect") {
  const auto image = objects::compile_text("stray.S", R"(
.section "xdp","ax",@progbits
.globl prog
.type prog,@function
prog:
  r0 = 1
  .byte 0x85, 0x10, 0, 0, 40, 0, 0, 0
  exit
.size prog, .-prog
)");
  if (!image) return;
  CHECK(defect_of(*image) == "insn 1: calls slot 42 of section xdp, where no function starts");
}

TEST_CASE("an instruction that is none is its program's defect, stays as it is, and leaves other programs alone") {
  const auto image = objects::compile_text("junk.S", R"(
.section "xdp","ax",@progbits
.globl prog
.type prog,@function
prog:
  .byte 0xff, 0, 0, 0, 0, 0, 0, 0
  exit
.size prog, .-prog
.globl sound
.type sound,@function
sound:
  r0 = 1
  exit
.size sound, .-sound
)");
  if (!image) return;
  CHECK(defect_of(*image) == "insn 0: opcode 0xff is not assigned");
  const auto object = open(*image);
  REQUIRE(object.has_value());
  CHECK(object->programs.at(0)->insns.at(0) == Insn(0xff, 0, 0, 0, 0));
  CHECK(object->notes.size() == 1);
  CHECK(objects::program(*object, "sound")->defect.empty());
}

TEST_CASE("a map named without a relocation is its program's defect") {
  const auto image = objects::compile_text("raw.S", R"(
.section "xdp","ax",@progbits
.globl prog
.type prog,@function
prog:
  .byte 0x18, 0x11, 0, 0, 5, 0, 0, 0,  0, 0, 0, 0, 0, 0, 0, 0
  exit
.size prog, .-prog
)");
  if (!image) return;
  CHECK(defect_of(*image) == "insn 0: a 64-bit load with src 1 needs a relocation, has none");
}

TEST_CASE("a declaration with an unknown field is refused by the map's name") {
  const auto image = objects::compile_text("field.c", R"(
struct { int (*type)[1]; int (*colour)[3]; } paint __attribute__((section(".maps"), used));
)");
  if (!image) return;
  CHECK(error_of(*image) == "map paint: field colour is not known");
}

TEST_CASE("maps without BTF are refused") {
  const auto image = objects::compile_text("field.c", R"(
struct { int (*type)[1]; } paint __attribute__((section(".maps"), used));
)",
                                           "-g0");
  if (!image) return;
  CHECK(error_of(*image) == "elf: section .maps: BTF does not describe it, compile with -g");
}

TEST_CASE("only BPF machine numbers are opened, none at all with a note") {
  auto image = objects::compile("loader_globals.bpf.c");
  if (!image) return;
  (*image)[18] = std::byte{0};
  const auto unnamed = open(*image);
  REQUIRE_MESSAGE(unnamed.has_value(), unnamed.error().message());
  CHECK(unnamed->notes.size() == 1);
  (*image)[18] = std::byte{62};
  CHECK(error_of(*image) == "elf: the file is for machine 62, BPF objects are for machine 247");
}

TEST_CASE("programs that take too many instructions together are refused") {
  std::string source =
      ".text\n.globl big\n.type big,@function\nbig:\n.rept 100000\nr0 = 1\n.endr\nexit\n.size big, .-big\n";
  source += ".section xdp,\"ax\",@progbits\n";
  for (int i = 0; i < 60; ++i) {
    const std::string name = "p" + std::to_string(i);
    source += ".globl " + name + "\n.type " + name + ",@function\n" + name + ":\ncall big\nexit\n.size " + name +
              ", .-" + name + "\n";
  }
  const auto image = objects::compile_text("many.S", source);
  if (!image) return;
  CHECK(error_of(*image).starts_with("program p39: 100003 instructions with its subprograms"));
}

TEST_CASE("a chain of calls as long as a program may be is followed") {
  constexpr int kLength = 50000;
  std::string source = ".text\n";
  for (int i = 0; i < kLength; ++i) {
    const std::string name = "f" + std::to_string(i);
    source += ".type " + name + ",@function\n" + name + ":\n";
    if (i + 1 < kLength) source += "call f" + std::to_string(i + 1) + "\n";
    source += "exit\n.size " + name + ", .-" + name + "\n";
  }
  source +=
      ".section xdp,\"ax\",@progbits\n.globl prog\n.type prog,@function\nprog:\ncall f0\nexit\n.size prog, .-prog\n";
  const auto image = objects::compile_text("chain.S", source, "-g0");
  if (!image) return;
  const auto object = open(*image);
  REQUIRE_MESSAGE(object.has_value(), object.error().message());
  CHECK(object->programs.at(0)->subprogs.size() == kLength + 1);
}

TEST_CASE("no flipped or missing byte makes the loader crash") {
  std::size_t opened = 0, refused = 0;
  for (const char* name : {"loader_slots.bpf.c", "loader_needs.bpf.c", "loader_calls.bpf.c", "loader_struct_ops.bpf.c",
                           "externs_config.bpf.c", "externs_kernel.bpf.c"}) {
    const auto image = objects::compile(name);
    if (!image) return;
    const auto attempt = [&](const objects::Image& bytes) { open(bytes) ? ++opened : ++refused; };
    for (std::size_t size = 0; size < image->size(); size += 37)
      attempt(objects::Image(image->begin(), image->begin() + static_cast<std::ptrdiff_t>(size)));
    std::mt19937 random(20260101);
    for (int round = 0; round < 3000; ++round) {
      objects::Image bytes = *image;
      for (unsigned flips = 1 + random() % 4; flips > 0; --flips) {
        constexpr std::uint8_t kInteresting[] = {0, 1, 0x7f, 0x80, 0xff};
        std::byte& byte = bytes[random() % bytes.size()];
        byte = random() % 2 != 0 ? std::byte{kInteresting[random() % 5]} : byte ^ std::byte(1u << (random() % 8));
      }
      attempt(bytes);
    }
  }
  MESSAGE(opened, " mutants opened, ", refused, " refused");
  CHECK(opened > 100);
  CHECK(refused > 100);
}

}  // namespace
}  // namespace skep
