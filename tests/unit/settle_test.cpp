// What is settled of a proven program before it runs. That it is true, the soundness tests say; here, that it is found,
// and what must make it forgotten.
#include <doctest/doctest.h>

#include <skep/skep.hpp>

#include "lower/settle.hpp"
#include "maps/map_storage.hpp"
#include "support/run_asm.hpp"
#include "verifier/input.hpp"

using namespace skep;
using namespace skep::test;
using lower::Becomes;

namespace {

constexpr std::uint8_t kAddImm = 0x07, kStoreImm = 0x7a, kLddw = 0x18, kMapSource = 1;
constexpr std::int32_t kMap = 1234;  ///< stands for the array in what is assembled

class Settles {
 public:
  explicit Settles(std::string_view text, ProgType type = ProgType::xdp) {
    MapSpec spec;
    spec.name = "array";
    spec.type = MapType::array;
    spec.key_size = 4;
    spec.value_size = 8;
    spec.max_entries = 4;
    maps_.push_back(*Map::create(spec, 1));
    std::vector<Insn> insns = assembled(text);
    for (Insn& insn : insns)
      if (insn.opcode == kLddw && insn.imm == kMap) insn = Insn(kLddw, insn.dst, kMapSource, 0, 0);
    const auto program = Program::from_insns(insns, type, maps_, "GPL");
    REQUIRE_MESSAGE(program.has_value(), program.error().message());
    const verifier::MapInfo info{&maps_.front().spec(), {}};
    verifier::Input input;
    input.program = program->data().get();
    input.maps = {&info, 1};
    input.options.facts = true;
    const verifier::Report report = verifier::verify(input);
    REQUIRE_MESSAGE(report.accepted(), text_of(report.findings.front()));
    const std::shared_ptr<maps::MapStorage> storages[] = {maps_.front().storage()};
    settled_ = lower::settle(*program->data(), *report.facts, storages);
  }

  [[nodiscard]] const lower::Settled& at(std::uint32_t pc) const { return settled_.at[pc]; }
  [[nodiscard]] const Insn& insn(std::uint32_t pc) const { return settled_.insns[pc]; }
  [[nodiscard]] bool is_number(std::uint32_t pc, std::uint64_t number) const {
    return at(pc).becomes == Becomes::number && at(pc).number == number;
  }
  [[nodiscard]] std::uint64_t value_address(std::uint32_t index) const {
    const maps::ValueArea& area = maps_.front().storage()->value_areas().front();
    return reinterpret_cast<std::uint64_t>(area.base + std::size_t{index} * area.stride);
  }

 private:
  std::vector<Map> maps_;
  lower::SettledProgram settled_;
};

}  // namespace

TEST_CASE("a number that all paths bring is an immediate, and what made it is not run") {
  const Settles settled(
      "ldxw %r6, [%r1+12]\n"  // 0
      "mov %r2, 7\n"          // 1
      "jeq %r6, 3, +1\n"      // 2
      "mov %r6, 1\n"          // 3
      "add %r6, %r2\n"        // 4
      "mov %r0, %r6\n"        // 5
      "exit");
  CHECK(settled.insn(4).opcode == kAddImm);
  CHECK(settled.insn(4).imm == 7);
  CHECK(settled.at(1).becomes == Becomes::unread);
  CHECK(settled.at(3).runs());
}

TEST_CASE("a number on which paths differ is none") {
  const Settles settled(
      "ldxw %r6, [%r1+12]\n"  // 0
      "mov %r2, 7\n"          // 1
      "jeq %r6, 3, +1\n"      // 2
      "mov %r2, 8\n"          // 3
      "mov %r0, %r2\n"        // 4
      "exit");
  CHECK(settled.at(4).becomes == Becomes::itself);
  CHECK(settled.at(1).runs());
}

TEST_CASE("a branch that a number decides is no branch, and the other way is dead") {
  const Settles settled(
      "ldxw %r6, [%r1+12]\n"  // 0
      "jne %r6, 5, +3\n"      // 1
      "jeq %r6, 5, +1\n"      // 2: r6 is 5 here
      "mov %r6, 9\n"          // 3
      "ja +0\n"               // 4
      "mov %r0, 1\n"          // 5
      "exit");
  CHECK(!settled.at(2).falls_through);
  CHECK(!settled.at(3).reached);
}

TEST_CASE("a loop's counter is no constant, what the loop leaves alone is one") {
  const Settles settled(
      "mov %r6, 0\n"        // 0
      "mov %r7, 5\n"        // 1
      "add %r6, 1\n"        // 2
      "jlt %r6, %r7, -2\n"  // 3
      "mov %r0, %r7\n"      // 4
      "exit");
  CHECK(settled.at(2).becomes == Becomes::itself);
  CHECK(settled.insn(3).imm == 5);
  CHECK(settled.is_number(4, 5));
}

TEST_CASE("a look-up in an array under a known key is an address, and needs no check for null") {
  const Settles settled(
      "stw [%r10-4], 2\n"  // 0
      "mov %r2, %r10\n"    // 1
      "add %r2, -4\n"      // 2
      "lddw %r1, 1234\n"   // 3
      "call 1\n"           // 5
      "jeq %r0, 0, +1\n"   // 6
      "stdw [%r0+0], 3\n"  // 7
      "mov %r0, 0\n"       // 8
      "exit");
  CHECK(settled.is_number(5, settled.value_address(2)));
  CHECK(!settled.at(6).jumps);
  CHECK(settled.at(6).becomes == Becomes::unread);
  CHECK(settled.at(1).becomes == Becomes::unread);
  CHECK(settled.at(2).becomes == Becomes::unread);
  CHECK(settled.at(3).becomes == Becomes::unread);
}

TEST_CASE("a store that may go to the frame makes what it holds unknown") {
  const Settles settled(
      "ldxw %r6, [%r1+12]\n"   // 0
      "stdw [%r10-8], 2\n"     // 1
      "stdw [%r10-16], 3\n"    // 2
      "ldxdw %r7, [%r10-8]\n"  // 3: known
      "and %r6, 8\n"           // 4
      "mov %r2, %r10\n"        // 5
      "add %r2, -16\n"         // 6
      "add %r2, %r6\n"         // 7
      "stdw [%r2+0], 9\n"      // 8: to one of them
      "ldxdw %r0, [%r10-8]\n"  // 9
      "add %r0, %r7\n"         // 10
      "exit");
  CHECK(settled.is_number(3, 2) != (settled.at(3).becomes == Becomes::unread));
  CHECK(settled.insn(10).imm == 2);
  CHECK(settled.at(9).becomes == Becomes::itself);
}

TEST_CASE("a function that gets a pointer to the frame makes what it holds unknown") {
  const Settles settled(
      "stdw [%r10-8], 2\n"     // 0
      "mov %r1, %r10\n"        // 1
      "add %r1, -8\n"          // 2
      "call local +2\n"        // 3
      "ldxdw %r0, [%r10-8]\n"  // 4
      "exit\n"                 // 5
      "stdw [%r1+0], 9\n"      // 6
      "mov %r0, 0\n"           // 7
      "exit");
  CHECK(settled.at(4).becomes == Becomes::itself);
  CHECK(settled.at(4).runs());
}

TEST_CASE("what all callers hand over is known inside the function") {
  const Settles settled(
      "mov %r1, 4\n"     // 0
      "mov %r2, 1\n"     // 1
      "call local +4\n"  // 2
      "mov %r1, 4\n"     // 3
      "mov %r2, 2\n"     // 4
      "call local +1\n"  // 5
      "exit\n"           // 6
      "mov %r0, %r2\n"   // 7
      "add %r0, %r1\n"   // 8
      "exit");
  CHECK(settled.insn(8).imm == 4);
  CHECK(settled.at(7).becomes == Becomes::itself);
  CHECK(settled.at(0).becomes == Becomes::unread);
  CHECK(settled.at(1).runs());
}

TEST_CASE("an access to a known place of the frame goes through r10") {
  const Settles settled(
      "mov %r2, %r10\n"       // 0
      "add %r2, -8\n"         // 1
      "ldxw %r3, [%r1+12]\n"  // 2
      "stxdw [%r2+0], %r3\n"  // 3
      "ldxdw %r0, [%r2+0]\n"  // 4
      "exit");
  CHECK(settled.insn(3).dst == 10);
  CHECK(settled.insn(3).off == -8);
  CHECK(settled.insn(4).src == 10);
  CHECK(settled.at(0).becomes == Becomes::unread);
  CHECK(settled.at(1).becomes == Becomes::unread);
}

TEST_CASE("a store of a known number stores an immediate") {
  const Settles settled(
      "mov %r2, -3\n"          // 0
      "stxdw [%r10-8], %r2\n"  // 1
      "ldxdw %r0, [%r10-8]\n"  // 2
      "exit");
  CHECK(settled.insn(1).opcode == kStoreImm);
  CHECK(settled.insn(1).imm == -3);
  CHECK(settled.is_number(2, static_cast<std::uint64_t>(-3)));
}

TEST_CASE("an upper half that nobody reads need not be cleared") {
  const Settles settled(
      "ldxw %r2, [%r1+12]\n"  // 0
      "add %r2, 1\n"          // 1: nobody reads the upper half
      "mov32 %r2, %r2\n"      // 2: clears it for nobody
      "mov32 %r0, %r2\n"      // 3: for the exit
      "exit");
  CHECK(settled.at(1).low_only);
  CHECK(settled.at(2).becomes == Becomes::as_before);
  CHECK(!settled.at(3).low_only);
  CHECK(settled.at(3).becomes == Becomes::itself);
}

TEST_CASE("an upper half that a comparison, a shift or a division reads is kept") {
  for (const char* reader :
       {"jgt %r2, 5, +0\nmov %r0, 0\n", "rsh %r2, 1\nmov32 %r0, %r2\n", "div %r2, 3\nmov32 %r0, %r2\n"}) {
    CAPTURE(reader);
    const Settles settled(std::string("ldxw %r2, [%r1+12]\nadd %r2, 1\n") + reader + "exit");
    CHECK(!settled.at(1).low_only);
  }
}

TEST_CASE("a sum's upper half is made of the lower halves, too") {
  const Settles settled(
      "ldxw %r2, [%r1+12]\n"  // 0
      "and %r2, 255\n"        // 1
      "add %r2, -1\n"         // 2
      "rsh %r2, 32\n"         // 3: reads the upper half alone
      "mov %r0, %r2\n"        // 4
      "exit");
  CHECK(settled.at(0).runs());
}

TEST_CASE("equal lower halves are no equal registers") {
  const Settles settled(
      "ldxw %r2, [%r1+12]\n"  // 0
      "lsh %r2, 16\n"         // 1
      "mov %r0, 0\n"          // 2
      "jne32 %r2, 0, +1\n"    // 3
      "mov %r0, %r2\n"        // 4: the upper half may be anything
      "exit");
  CHECK(settled.at(4).becomes == Becomes::itself);
}

TEST_CASE("a helper that writes to the frame makes unknown what it writes, and no more") {
  const Settles settled(
      "stdw [%r10-8], 1\n"      // 0
      "stdw [%r10-16], 2\n"     // 1
      "mov %r2, 0\n"            // 2
      "mov %r3, %r10\n"         // 3
      "add %r3, -16\n"          // 4
      "mov %r4, 8\n"            // 5
      "call 26\n"               // 6: skb_load_bytes(skb, 0, to, 8)
      "ldxdw %r0, [%r10-8]\n"   // 7
      "ldxdw %r1, [%r10-16]\n"  // 8
      "add %r0, %r1\n"          // 9
      "exit",
      ProgType::sched_cls);
  CHECK(settled.is_number(7, 1));
  CHECK(settled.at(8).becomes == Becomes::itself);
  CHECK(settled.at(8).runs());
}
