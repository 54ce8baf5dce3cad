// The public conformance files: their assembly is read, and gives the bytes that they state where they state them.
#include <doctest/doctest.h>

#include <string>

#include "isa/conformance_file.hpp"
#include "isa/table.hpp"
#include "isa/text.hpp"

namespace skep {

TEST_CASE("all assembly of the conformance files assembles into whole programs") {
  const auto cases = isa::load_conformance();
  if (!cases) MESSAGE(cases.error().message());
  REQUIRE(cases.has_value());
  if (cases->empty()) {
    MESSAGE("SKIP: no conformance files in ", std::string(isa::kConformanceFolder));
    return;
  }
  std::size_t raw = 0;
  for (const auto& file : *cases) {
    CAPTURE(file.name);
    const auto whole = isa::check(file.insns);
    if (!whole) MESSAGE(whole.error().message());
    CHECK(whole.has_value());
    CHECK((file.result.has_value() || file.error.has_value()));
    if (!file.raw) continue;
    ++raw;
    CHECK(file.insns == *file.raw);
  }
  CHECK(cases->size() == 313);
  CHECK(raw > 0);
}

TEST_CASE("the conformance programs survive a trip through both styles") {
  const auto cases = isa::load_conformance();
  REQUIRE(cases.has_value());
  if (cases->empty()) {
    MESSAGE("SKIP: no conformance files in ", isa::kConformanceFolder);
    return;
  }
  for (auto style : {isa::Style::llvm, isa::Style::mnemonic}) {
    std::string text;
    std::vector<Insn> all;
    for (const auto& file : *cases) {
      for (std::uint32_t pc = 0; pc < file.insns.size(); ++pc) {
        if (file.insns[pc].opcode != 0) text += isa::disassemble(file.insns, pc, style) + "\n";
        all.push_back(file.insns[pc]);
      }
    }
    const auto again = isa::assemble(text);
    if (!again) MESSAGE(again.error().message());
    REQUIRE(again.has_value());
    CHECK(*again == all);
  }
}

TEST_CASE("a conformance file is read section by section") {
  const auto test = isa::parse_conformance("x",
                                           "# c\n-- asm\nmov %r0, 1 # one\nexit\n-- mem\n01 ff # bytes\n0a\n"
                                           "-- raw\n0x00000001000000b7\n95\n-- result\n-1\n");
  CHECK_FALSE(test.has_value());
  CHECK(test.error().message() == "x: section result must hold one number");
  const auto good =
      isa::parse_conformance("y", "-- raw\n0x00000001000000b7\n95\n-- error\n boom \n-- mem\n01 ff #x\n0a\n");
  REQUIRE(good.has_value());
  CHECK(good->insns.size() == 2);
  CHECK(good->memory.size() == 3);
  CHECK(good->error == "boom");
  CHECK(isa::parse_conformance("z", "-- asm\nbad\n").error().message() ==
        "z: asm line 1: seen 'bad', needed an instruction");
  CHECK_FALSE(isa::parse_conformance("w", "-- result\n0\n").has_value());
}

}  // namespace skep
