// Slots of the stack that live in registers: which ones do, by the plan, and that programs do the same with them as on
// the interpreter, which has none.
#include <doctest/doctest.h>

#include <bit>
#include <string>
#include <vector>

#include <skep/skep.hpp>

#include "jit/plan.hpp"
#include "lower/lower.hpp"
#include "support/run_asm.hpp"
#include "verifier/input.hpp"

using namespace skep;
using namespace skep::test;

namespace {

constexpr std::uint8_t kLddw = 0x18, kFunction = 4;

/// `lddw %rN, 0x7777` is the address of the function with which the program ends, of two instructions.
std::vector<Insn> with_callback(std::vector<Insn> insns) {
  constexpr std::int32_t kCallback = 0x7777;
  for (std::size_t i = 0; i < insns.size(); ++i)
    if (insns[i].opcode == kLddw && insns[i].imm == kCallback)
      insns[i] = Insn(kLddw, insns[i].dst, kFunction, 0, static_cast<std::int32_t>(insns.size() - i) - 3);
  return insns;
}

Program program_of(const std::vector<Insn>& insns) {
  auto program = Program::from_insns(with_callback(insns), ProgType::raw_tracepoint, {}, "GPL");
  REQUIRE_MESSAGE(program, program.error().message());
  return *program;
}

/// How often a function's slots are found in registers, and whether it still looks at its frame; of a proven program.
struct Kept {
  int slots = 0;
  bool names_frame = false;
};
Kept kept(const std::vector<Insn>& insns, std::size_t function = 0, const jit::Options& options = {}) {
  const Program program = program_of(insns);
  verifier::Input input;
  input.program = program.data().get();
  input.options.facts = true;
  const verifier::Report report = verifier::verify(input);
  REQUIRE_MESSAGE(report.accepted(), text_of(report.findings.front()));
  const auto facts = std::make_shared<verifier::Facts>(*report.facts);
  const auto image =
      lower::lower({.program = program.data(), .host = make_process_host(), .guarded = false, .facts = facts});
  REQUIRE_MESSAGE(image, image.error().message());
  const jit::Plan plan = jit::make_plan(**image, options);
  return {std::popcount(plan.functions[function].slots), plan.functions[function].names_frame};
}
Kept kept(std::string_view text, std::size_t function = 0) { return kept(assembled(text), function); }

/// r0, the same on both engines; the context's first word is 3.
std::uint64_t run_both(const std::vector<Insn>& insns) {
  const Verdict verdict = verify(program_of(insns));
  REQUIRE_MESSAGE(verdict.ok(), verdict.explain());
  std::uint64_t values[2] = {};
  for (const Engine engine : {Engine::interpreter, Engine::best}) {
    const auto executable = Executable::build(*verdict.verified(), {.engine = engine});
    REQUIRE_MESSAGE(executable, executable.error().message());
    std::uint64_t argument = 3;
    RawContext context{std::as_writable_bytes(std::span(&argument, 1))};
    const RunResult result = executable->run(context);
    REQUIRE(result.ok());
    values[engine == Engine::best ? 1 : 0] = result.value;
  }
  CHECK(values[0] == values[1]);
  return values[1];
}
std::uint64_t run_both(std::string_view text) { return run_both(assembled(text)); }

/// Only functions that access their frame in loops have slots; this one's is none.
const std::string kLoop = "mov %r0, 2\nagain:\nstb [%r10-256], 0\nadd %r0, -1\njne %r0, 0, again\n";
// A load from the context may leave generated code: registers that calls overwrite are none to keep slots in.
const std::string kStart = "ldxdw %r6, [%r1+0]\n" + kLoop;
/// One use more, so that a slot is worth the register that must be saved for it.
const std::string kOnceMore = "ldxdw %r7, [%r10-8]\nadd %r0, %r7\n";

}  // namespace

TEST_CASE("what is stored and loaded as a whole lives in a register") {
  const std::string text =
      kStart + "stxdw [%r10-8], %r6\nmov %r6, 1\nldxdw %r0, [%r10-8]\nadd %r0, %r6\n" + kOnceMore + "exit";
  CHECK(kept(text).slots == 1);
  CHECK(run_both(text) == 7);
}

TEST_CASE("a slot outlives a helper's call where it is used more often than it is saved") {
  const auto text = [](std::string_view more) {
    return kStart + "stxdw [%r10-8], %r6\ncall 5\nldxdw %r0, [%r10-8]\n" + std::string(more) + "exit";
  };
  CHECK(kept(text("")).slots == 0);
  const std::string often = text(kOnceMore);
  CHECK(kept(often).slots == 1);
  CHECK(run_both(often) == 6);
}

TEST_CASE("each function has its slots, though they are in the same register") {
  const std::string f =
      "stxdw [%r10-8], %r1\nmov %r4, 0\nmore:\nldxdw %r3, [%r10-8]\nadd %r3, 1\nstxdw [%r10-8], %r3\nadd %r4, 1\n"
      "jne %r4, 5, more\nldxdw %r0, [%r10-8]\nexit";
  const std::string text = kLoop +
                           "ldxdw %r1, [%r1+0]\nstxdw [%r10-8], %r1\ncall local f\nldxdw %r1, [%r10-8]\n"
                           "add %r0, %r1\nldxdw %r1, [%r10-8]\nadd %r0, %r1\nexit\nf:\n" +
                           f;
  CHECK(kept(text, 0).slots == 1);
  CHECK(kept(text, 1).slots == 1);
  CHECK(run_both(text) == 2 * 3 + 8);
}

TEST_CASE("a loop counts in a slot, and nothing is left of the frame") {
  const std::string text =
      "ldxdw %r6, [%r1+0]\n"
      "stdw [%r10-8], 0\nmore:\nadd %r6, 2\nldxdw %r1, [%r10-8]\nadd %r1, 1\n"
      "stxdw [%r10-8], %r1\njne %r1, 7, more\nmov %r0, %r6\nexit";
  CHECK(kept(text).slots == 1);
  CHECK_FALSE(kept(text).names_frame);
  CHECK(run_both(text) == 3 + 2 * 7);
}

TEST_CASE("a slot of four bytes holds four bytes") {
  const std::string text =
      kStart + "neg %r6\nstxw [%r10-4], %r6\nldxw %r0, [%r10-4]\nldxw %r7, [%r10-4]\nand %r0, %r7\nexit";
  CHECK(kept(text).slots == 1);
  CHECK(run_both(text) == 0xfffffffd);
  const std::string constant =
      kStart + "stw [%r10-4], -2\njeq %r6, 3, out\nstxw [%r10-4], %r6\nout:\nldxw %r0, [%r10-4]\nexit";
  CHECK(kept(constant).slots == 1);
  CHECK(run_both(constant) == 0xfffffffe);
}

TEST_CASE("what is loaded before it is stored is 0") {
  const std::string text =
      kStart + "jeq %r6, 3, out\nstxdw [%r10-8], %r6\nout:\nldxdw %r0, [%r10-8]\n" + kOnceMore + "exit";
  CHECK(kept(text).slots == 1);
  CHECK(run_both(text) == 0);
}

TEST_CASE("what is accessed in parts is no slot") {
  for (const std::string_view part :
       {"ldxw %r0, [%r10-8]", "ldxw %r0, [%r10-4]", "ldxb %r0, [%r10-1]", "ldxh %r0, [%r10-4]", "stb [%r10-3], 7",
        "stw [%r10-4], 7", "ldxsw %r0, [%r10-8]"}) {
    CAPTURE(part);
    const std::string text = kStart + "mov %r0, 0\nneg %r6\nstxdw [%r10-8], %r6\n" + std::string(part) +
                             "\nldxdw %r6, [%r10-8]\nadd %r0, %r6\n" + kOnceMore + "exit";
    CHECK(kept(text).names_frame);
    CHECK(kept(text).slots == 0);
    run_both(text);
  }
}

TEST_CASE("what is added to atomically is no slot") {
  const std::string text =
      kStart + "stxdw [%r10-8], %r6\nlock add [%r10-8], %r6\nldxdw %r0, [%r10-8]\nldxdw %r1, [%r10-8]\nexit";
  CHECK(kept(text).slots == 0);
  CHECK(run_both(text) == 6);
}

TEST_CASE("helpers see what lies above the address that they are given, and slots are kept below") {
  // get_current_comm() overwrites what the program stored.
  const auto text = [](int low, int high) {
    const auto at = [](int off) { return "[%r10" + std::to_string(off) + "]"; };
    const auto sum = [&](int off) {
      return "ldxdw %r7, " + at(off) + "\nadd %r6, %r7\nldxdw %r7, " + at(off) + "\nxor %r6, %r7\n";
    };
    return kStart + "stxdw " + at(low) + ", %r6\nstxdw " + at(high) +
           ", %r6\nmov %r1, %r10\nadd %r1, -16\nmov %r2, 16\ncall 16\n" + sum(low) + sum(high) + "mov %r0, %r6\nexit";
  };
  CHECK(kept(text(-24, -8)).slots == 1);
  CHECK(kept(text(-24, -16)).slots == 1);
  CHECK(kept(text(-32, -24)).slots == 2);
  CHECK(kept(text(-16, -8)).slots == 0);
  CHECK(run_both(text(-32, -24)) == 11);
  for (const auto& [low, high] : {std::pair{-24, -8}, {-24, -16}, {-16, -8}}) run_both(text(low, high));
}

TEST_CASE("where functions of the program get the frame's address there are no slots: they may count backwards") {
  const std::string text = kStart +
                           "stxdw [%r10-16], %r6\nstdw [%r10-8], 0\nmov %r1, %r10\nadd %r1, -8\ncall local f\n"
                           "ldxdw %r0, [%r10-16]\nldxdw %r1, [%r10-16]\nexit\n"
                           "f:\nldxdw %r2, [%r1-8]\nadd %r2, 1\nstxdw [%r1-8], %r2\nmov %r0, 0\nexit";
  CHECK(kept(text).slots == 0);
  CHECK(run_both(text) == 4);
}

TEST_CASE("where a callback gets the frame's address there are no slots") {
  const std::string text = kStart +
                           "stxdw [%r10-8], %r6\nmov %r1, 4\nlddw %r2, 0x7777\nmov %r3, %r10\nadd %r3, 0\n"
                           "mov %r4, 0\ncall 181\nldxdw %r0, [%r10-8]\nldxdw %r1, [%r10-8]\nexit\n"
                           "mov %r0, 0\nexit";
  CHECK(kept(text).slots == 0);
  CHECK(run_both(text) == 3);
}

TEST_CASE("where the frame's address is stored, or lives on behind a branch, there are no slots") {
  const std::string stored = kStart +
                             "stxdw [%r10-16], %r6\nstxdw [%r10-8], %r10\nldxdw %r1, [%r10-8]\nmov %r2, 9\n"
                             "stxdw [%r1-16], %r2\nldxdw %r0, [%r10-16]\nexit";
  CHECK(kept(stored).slots == 0);
  CHECK(run_both(stored) == 9);
  const std::string branched = kStart +
                               "mov %r1, %r10\nadd %r1, -8\nmov %r2, %r10\nadd %r2, -16\njeq %r6, 3, out\n"
                               "mov %r1, %r2\nout:\nstxdw [%r10-8], %r6\nstxdw [%r10-16], %r6\n"
                               "stdw [%r1+0], 9\nldxdw %r0, [%r10-8]\nldxdw %r1, [%r10-16]\nsub %r0, %r1\nexit";
  CHECK(kept(branched).slots == 0);
  CHECK(run_both(branched) == 6);
}

TEST_CASE("a copy of the frame's address that is used at once is as good as r10") {
  // Settled before the JIT sees it, or by the JIT.
  const std::string text =
      kStart + "mov %r1, %r10\nadd %r1, -16\nstxdw [%r1+8], %r6\nldxdw %r0, [%r10-8]\n" + kOnceMore + "exit";
  CHECK(kept(text).slots == 1);
  CHECK(run_both(text) == 6);
}

TEST_CASE("where no loop accesses the frame there are no slots") {
  const std::string text = "stxdw [%r10-8], %r6\nldxdw %r0, [%r10-8]\n" + kOnceMore + "exit";
  CHECK(kept(kStart + text).slots == 1);
  CHECK(kept("ldxdw %r6, [%r1+0]\n" + text).slots == 0);
  CHECK(kept("ldxdw %r6, [%r1+0]\nmov %r0, 2\nagain:\nadd %r0, -1\njne %r0, 0, again\n" + text).slots == 0);
}

TEST_CASE("where the frame's address lives on behind the function's last jump there are no slots") {
  // The same store is to the caller's frame first, then to f's own.
  const std::string text = kStart +
                           "mov %r1, %r10\ncall local f\nexit\nf:\nstdw [%r10-8], 1\nmov %r2, %r1\nmov %r7, 0\n"
                           "store:\nstdw [%r2-8], 9\nadd %r7, 1\njeq %r7, 1, back\nldxdw %r0, [%r10-8]\n"
                           "ldxdw %r3, [%r10-8]\nexit\nback:\nmov %r2, %r10\nja store";
  CHECK(kept(text, 1).slots == 0);
  CHECK(run_both(text) == 9);
}

TEST_CASE("bytes that are loaded one by one go into slots like any number") {
  std::string text = kLoop + "stdw [%r10-8], 0x0102\nmov %r1, %r10\ncall local f\nexit\nf:\n";
  for (unsigned reg = 2; reg < 10; ++reg) text += "mov %r" + std::to_string(reg) + ", 3\n";  // spare ones are left
  text +=
      "more:\nldxb %r3, [%r1-8]\nstxdw [%r10-8], %r3\nldxb %r4, [%r1-7]\nlsh %r4, 8\nor %r4, %r3\nadd %r2, -1\n"
      "jne %r2, 0, more\nldxdw %r0, [%r10-8]\nadd %r0, %r4\nexit";
  CHECK(kept(text, 1).slots == 1);
  CHECK(run_both(text) == 0x104);
}

TEST_CASE("code that keeps no number of the program keeps no slots either") {
  const auto insns = assembled(kStart + "stxdw [%r10-8], %r6\nldxdw %r0, [%r10-8]\n" + kOnceMore + "exit");
  CHECK(kept(insns).slots == 1);
  CHECK(kept(insns, 0, {.blind = true}).slots == 0);
  CHECK(kept(insns, 0, {.metered = true}).slots == 0);
}

TEST_CASE("a slot that is live through more jumps back than are followed is kept all the same") {
  // The blocks run from the last to the first.
  constexpr std::int32_t kBlocks = 200;
  std::vector<Insn> insns = assembled(kStart + "stxdw [%r10-8], %r6\nadd %r6, 1");
  insns.emplace_back(0x06, 0, 0, 0, 2 * kBlocks + 3);  // to the last block
  for (const Insn& insn : assembled("ldxdw %r0, [%r10-8]\nadd %r0, %r6\n" + kOnceMore + "exit")) insns.push_back(insn);
  for (std::int32_t i = 0; i < kBlocks; ++i)
    for (const Insn& insn : assembled(i == 0 ? "add %r6, 1\nja -7" : "add %r6, 1\nja -4")) insns.push_back(insn);
  CHECK(kept(insns).slots == 1);
  CHECK(run_both(insns) == 3 + 4 + 3 + kBlocks);
}
