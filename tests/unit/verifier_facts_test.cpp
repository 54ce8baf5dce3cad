// Facts that a verification leaves behind. That they are true of every run, the soundness tests say; here, that they
// are found, and no wider than the paths.
#include <doctest/doctest.h>

#include <skep/skep.hpp>

#include "support/run_asm.hpp"
#include "verifier/facts.hpp"
#include "verifier/input.hpp"

using namespace skep;
using namespace skep::test;
using verifier::Extent;
using verifier::Region;
using verifier::RegKind;

namespace {

constexpr std::uint8_t kLddw = 0x18, kMapSource = 1;
constexpr std::int32_t kMap = 1234;  ///< stands for the array in what is assembled
constexpr std::uint32_t kValueBytes = 48;

/// The facts of an accepted program.
std::shared_ptr<const verifier::Facts> facts_of(std::string_view text, ProgType type = ProgType::xdp) {
  const std::vector<Map> maps{*Map::create(
      {.name = "array", .type = MapType::array, .key_size = 4, .value_size = kValueBytes, .max_entries = 4}, 1)};
  std::vector<Insn> insns = assembled(text);
  for (Insn& insn : insns)
    if (insn.opcode == kLddw && insn.imm == kMap) insn = Insn(kLddw, insn.dst, kMapSource, 0, 0);
  const auto program = Program::from_insns(insns, type, maps, "GPL");
  REQUIRE_MESSAGE(program.has_value(), program.error().message());
  const verifier::MapInfo info{&maps.front().spec(), {}};
  verifier::Input input;
  input.program = program->data().get();
  input.maps = {&info, 1};
  input.options.facts = true;
  input.options.check_often = true;
  const verifier::Report report = verifier::verify(input);
  REQUIRE_MESSAGE(report.accepted(), text_of(report.findings.front()));
  return report.facts;
}

/// r6 = the value under key 0; `then` follows from instruction 8 on.
std::string with_value(std::string_view then) {
  return "stw [%r10-4], 0\n"
         "mov %r2, %r10\n"
         "add %r2, -4\n"
         "lddw %r1, 1234\n"  // 3, 4
         "call 1\n"
         "jne %r0, 0, +1\n"
         "exit\n" +
         std::string(then) +
         "mov %r0, 0\n"
         "exit";
}

}  // namespace

TEST_CASE("the region of a packet access is the union of what its paths touch") {
  const auto facts = facts_of(
      "ldxw %r2, [%r1+0]\n"   // 0
      "ldxw %r3, [%r1+4]\n"   // 1
      "ldxw %r4, [%r1+12]\n"  // 2
      "mov %r0, 0\n"          // 3
      "mov %r5, %r2\n"        // 4
      "add %r5, 34\n"         // 5
      "jgt %r5, %r3, +3\n"    // 6
      "jeq %r4, 7, +1\n"      // 7
      "add %r2, 14\n"         // 8
      "ldxw %r0, [%r2+4]\n"   // 9
      "exit");
  CHECK(facts->at(9).region.extent() == Extent{4, 22});
  CHECK(facts->at(9).base == kind_bit(RegKind::packet));
}

TEST_CASE("the region of a packet access has room for what was added to the pointer") {
  const auto facts = facts_of(
      "ldxw %r2, [%r1+0]\n"   // 0
      "ldxw %r3, [%r1+4]\n"   // 1
      "mov %r0, 0\n"          // 2
      "ldxw %r4, [%r1+12]\n"  // 3
      "and %r4, 60\n"         // 4
      "add %r2, %r4\n"        // 5
      "mov %r5, %r2\n"        // 6
      "add %r5, 8\n"          // 7
      "jgt %r5, %r3, +1\n"    // 8
      "ldxh %r0, [%r2+6]\n"   // 9
      "exit");
  CHECK(facts->at(9).region.extent() == Extent{6, 68});
}

TEST_CASE("the region of a map value's access is where its index can be") {
  const auto facts =
      facts_of(with_value("ldxw %r6, [%r0+0]\n"      // 8
                          "and %r6, 31\n"            // 9
                          "add %r0, %r6\n"           // 10
                          "mov %r7, 1\n"             // 11
                          "stxdw [%r0+8], %r7\n"));  // 12
  CHECK(facts->at(8).region.extent() == Extent{0, 4});
  CHECK(facts->at(12).region.extent() == Extent{8, 47});
}

TEST_CASE("what an atomic reads and writes is one region") {
  const auto facts =
      facts_of(with_value("mov %r7, 1\n"                       // 8
                          "lock fetch add [%r0+16], %r7\n"));  // 9
  CHECK(facts->at(9).region.extent() == Extent{16, 24});
}

TEST_CASE("a region includes paths that were walked no further, as another covered them") {
  // r6 is 0..15 or 0..7 at instruction 5, and nothing else differs: whichever comes second ends there.
  const auto facts = facts_of(
      "call 7\n"             // 0
      "mov %r6, %r0\n"       // 1
      "and %r6, 15\n"        // 2
      "jgt %r0, 1000, +1\n"  // 3
      "and %r6, 7\n"         // 4
      "mov %r1, %r10\n"      // 5
      "add %r1, -16\n"       // 6
      "add %r1, %r6\n"       // 7
      "stb [%r1+0], 1\n"     // 8
      "mov %r0, 0\n"
      "exit");
  CHECK(facts->at(8).region.extent() == Extent{-16, 0});
}

TEST_CASE("the region of a stack access is counted from the frame that is pointed into") {
  const auto facts = facts_of(
      "stdw [%r10-24], 0\n"     // 0
      "mov %r1, %r10\n"         // 1
      "add %r1, -24\n"          // 2
      "call local helper\n"     // 3
      "ldxdw %r0, [%r10-24]\n"  // 4
      "exit\n"                  // 5
      "helper:\n"
      "stdw [%r10-8], 0\n"  // 6
      "stw [%r1+4], 1\n"    // 7
      "mov %r0, 0\n"
      "exit");
  CHECK(facts->at(6).region.extent() == Extent{-8, 0});
  CHECK(facts->at(7).region.extent() == Extent{-20, -16});
}

TEST_CASE("an instruction that touches no memory has no region, and none that is not reached") {
  const auto facts = facts_of(
      "mov %r0, 0\n"         // 0
      "mov %r2, 1\n"         // 1
      "jeq %r2, 1, +1\n"     // 2
      "ldxw %r0, [%r1+0]\n"  // 3
      "exit");
  CHECK(!facts->at(0).region.extent());
  CHECK(!facts->at(3).region.extent());
  CHECK(!facts->at(3).reached);
}

TEST_CASE("a region that cannot be told swallows what is told before and after") {
  Region region;
  region.add({0, 8});
  region.add({std::int64_t{1} << 31, (std::int64_t{1} << 31) + 8});
  CHECK(!region.extent());
  region.add({0, 8});
  CHECK(!region.extent());
}
