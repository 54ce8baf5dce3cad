// What the walk over proven code once got wrong, or was suspected of: small programs, the same on both engines.
#include <doctest/doctest.h>

#include <array>
#include <cstring>
#include <string>
#include <vector>

#include <skep/skep.hpp>

#include "support/run_asm.hpp"

using namespace skep;
using namespace skep::test;

namespace {

constexpr std::size_t kWords = 64;
using Words = std::array<std::uint64_t, kWords>;
constexpr std::int32_t kWordsAddress = 0x7777;  // `lddw %rN, 0x7777` is the address of the map's only value

Map made_words() {
  auto map =
      Map::create({.name = "m", .type = MapType::array, .key_size = 4, .value_size = sizeof(Words), .max_entries = 1});
  REQUIRE(map);
  return *map;
}

std::vector<Insn> with_words(std::vector<Insn> insns) {
  constexpr std::uint8_t kLddw = 0x18, kMapValue = 2;
  for (Insn& insn : insns) {
    if (insn.opcode != kLddw || insn.imm != kWordsAddress) continue;
    insn.src = kMapValue;
    insn.imm = 0;
  }
  return insns;
}

struct Outcome {
  bool operator==(const Outcome&) const = default;
  std::uint64_t value = 0;
  Words words{};
};

Executable proven(const std::vector<Insn>& insns, const Map& map, Engine engine) {
  const auto program = Program::from_insns(with_words(insns), ProgType::raw_tracepoint, std::span(&map, 1), "GPL");
  REQUIRE_MESSAGE(program, program.error().message());
  const Verdict verdict = verify(*program);
  REQUIRE_MESSAGE(verdict.ok(), verdict.explain());
  auto executable = Executable::build(*verdict.verified(), {.engine = engine});
  REQUIRE_MESSAGE(executable, executable.error().message());
  return *executable;
}

Outcome run(const std::vector<Insn>& insns, Engine engine) {
  const Map map = made_words();
  const Executable executable = proven(insns, map, engine);
  Outcome outcome;
  for (std::size_t i = 0; i < kWords; ++i) outcome.words[i] = 0x9e3779b97f4a7c15 * (i + 1);
  const std::uint32_t key = 0;
  const auto key_bytes = std::as_bytes(std::span(&key, 1));
  REQUIRE(map.update(key_bytes, std::as_bytes(std::span(outcome.words))));
  std::uint64_t argument = 3;
  RawContext context{std::as_writable_bytes(std::span(&argument, 1))};
  const RunResult result = executable.run(context);
  REQUIRE(result.ok());
  outcome.value = result.value;
  const auto left = map.lookup(key_bytes);
  REQUIRE(left);
  std::memcpy(outcome.words.data(), left->data(), sizeof(Words));
  return outcome;
}

/// What both engines make of the program; fails where they differ.
Outcome run_both(const std::vector<Insn>& insns) {
  const Outcome expected = run(insns, Engine::interpreter);
  const Outcome got = run(insns, Engine::best);
  CHECK(got.value == expected.value);
  CHECK(got.words == expected.words);
  return got;
}
Outcome run_both(std::string_view text) { return run_both(assembled(text)); }

}  // namespace

TEST_CASE("a function that reads its frame for nothing leaves its caller's frame alone") {
  CHECK(run_both("ldxdw %r6, [%r1+0]\nstxdw [%r10-8], %r6\ncall local f\nldxdw %r0, [%r10-8]\nexit\n"
                 "f:\nldxdw %r1, [%r10-8]\nmov %r0, 0\nexit")
            .value == 3);
}

TEST_CASE("the first to ask for the CPU is told") {
  CHECK(run_both("call 8\nmov %r6, %r0\ncall 8\nsub %r0, %r6\nexit").value == 0);
  CHECK(run_both("call 8\nexit").value < 4096);
}

TEST_CASE("what is live through more jumps back than are followed is computed all the same") {
  // The blocks run from the last to the first.
  constexpr std::int32_t kBlocks = 5'000;
  std::vector<Insn> insns = assembled("ldxdw %r6, [%r1+0]");
  insns.emplace_back(0x06, 0, 0, 0, 2 * kBlocks);  // to the last block
  for (const Insn& insn : assembled("mov %r0, %r6\nexit")) insns.push_back(insn);
  for (std::int32_t i = 0; i < kBlocks; ++i)
    for (const Insn& insn : assembled("add %r6, 1\nja -4")) insns.push_back(insn);
  CHECK(run_both(insns).value == 3 + kBlocks);
}

TEST_CASE("bpf_trace_printk gets the numbers that its format asks for") {
  // "%d" with seven digits, then with one.
  const auto longer = run_both(
      "stdw [%r10-8], 0x6425\nmov %r3, 1234567\nmov %r1, %r10\nadd %r1, -8\nmov %r2, 3\ncall 6\nmov %r6, %r0\n"
      "mov %r3, 1\nmov %r1, %r10\nadd %r1, -8\nmov %r2, 3\ncall 6\nsub %r6, %r0\nmov %r0, %r6\nexit");
  CHECK(longer.value == 6);
}

TEST_CASE("a may_goto to the next instruction leaves the other loops what they may run") {
  std::vector<Insn> insns = assembled("mov %r0, 0\nldxdw %r6, [%r1+0]");
  constexpr std::uint8_t kMayGoto = 0xe5;
  insns.emplace_back(kMayGoto, 0, 0, 0, 0);  // to the next
  insns.emplace_back(kMayGoto, 0, 0, 2, 0);
  for (const Insn& insn : assembled("add %r0, 1\nja -4\nadd %r0, %r6\nexit")) insns.push_back(insn);
  run_both(insns);
}

namespace {

struct CopyLoop {
  int bytes = 1;
  int times = 1;
  bool source_down = false;
  bool target_down = false;
  int apart = 0;               ///< bytes from the lowest source to the lowest target
  bool asks_for_last = false;  ///< of what the loop has loaded
};

/// r0 becomes what the loop leaves in its registers.
std::string text_of(const CopyLoop& loop) {
  constexpr int kFrom = 200;
  const std::string size = loop.bytes == 1 ? "b" : loop.bytes == 2 ? "h" : loop.bytes == 4 ? "w" : "dw";
  const int back = loop.bytes * (loop.times - 1);
  const auto number = [](int value) { return std::to_string(value); };
  const auto step = [&](bool down) { return number(down ? -loop.bytes : loop.bytes); };
  return "lddw %r6, 0x7777\nmov %r1, %r6\nadd %r1, " + number(kFrom + (loop.source_down ? back : 0)) +
         "\nmov %r2, %r6\nadd %r2, " + number(kFrom + loop.apart + (loop.target_down ? back : 0)) +
         "\nmov %r4, 0\nmov %r3, 0\nldx" + size + " %r3, [%r1+0]\nstx" + size + " [%r2+0], %r3\nadd %r1, " +
         step(loop.source_down) + "\nadd %r2, " + step(loop.target_down) + "\nadd %r4, 1\njne %r4, " +
         number(loop.times) + ", -6\nsub %r1, %r6\nsub %r2, %r6\nmov %r0, %r1\nlsh %r0, 16\nadd %r0, %r2\n" +
         "lsh %r0, 16\nadd %r0, %r4\n" + (loop.asks_for_last ? "xor %r0, %r3\n" : "") + "exit";
}

}  // namespace

TEST_CASE("a loop that copies upwards, downwards or turns the order round does it element by element") {
  constexpr int kTogether = 32;
  for (const int bytes : {1, 2, 4, 8}) {
    for (const int times : {2 * kTogether / bytes, 2 * kTogether / bytes + 3}) {
      const int all = bytes * times;
      for (const int apart : {-all, 1 - all, -32, -31, -1, 0, 1, 31, 32, all - 1, all}) {
        for (const unsigned ways : {0u, 1u, 2u, 3u}) {
          const CopyLoop loop{bytes, times, (ways & 1) != 0, (ways & 2) != 0, apart, (apart & 1) != 0};
          INFO(bytes, " bytes, ", times, " times, ", apart, " apart, ways ", ways);
          run_both(text_of(loop));
        }
      }
    }
  }
}

TEST_CASE("a loop that stores elements of another size than it loads stores those") {
  constexpr const char* kTimes = "64";
  for (const char* loaded : {"b", "h", "w", "dw"})
    for (const char* stored : {"b", "h", "w", "dw"})
      for (const char* step : {"1", "2", "4", "8"})
        run_both("lddw %r1, 0x7777\nmov %r2, %r1\nmov %r4, 0\nldx" + std::string(loaded) + " %r3, [%r1+0]\nstx" +
                 stored + " [%r2+0], %r3\nadd %r1, " + step + "\nadd %r2, " + step + "\nadd %r4, 1\njne %r4, " +
                 kTimes + ", -6\nmov %r0, %r3\nexit");
}

TEST_CASE("numbers that a loop around a call needs in every round are the same after the call") {
  std::string text = "mov %r6, 0\nmov %r7, 0\ncall 7\n";  // bpf_get_prandom_u32, which takes no arguments
  for (int i = 1; i <= 6; ++i)
    text += "lddw %r8, 0x12345678" + std::to_string(9 * i) + "765432\nxor %r7, %r8\nadd %r7, 3\n";
  CHECK(run_both(text + "add %r6, 1\njne %r6, 5, -27\nmov %r0, %r7\nexit").value != 0);
}

TEST_CASE("a sum that two registers hold when the loop has ended is in both") {
  for (const char* size : {"b", "h", "w"}) {
    const std::string bytes = size[0] == 'b' ? "1" : size[0] == 'h' ? "2" : "4";
    run_both("lddw %r1, 0x7777\nmov %r4, 0\nmov %r2, 7\nldx" + std::string(size) + " %r3, [%r1+0]\nadd32 %r3, %r2\n" +
             "mov %r2, %r3\nadd %r1, " + bytes + "\nadd %r4, 1\njne %r4, 64, -6\nlsh %r3, 32\nmov %r0, %r3\n" +
             "or %r0, %r2\nexit");
  }
}

TEST_CASE("an index that was shifted in its place is shifted once, for who adds it and for who asks for it later") {
  const std::string start = "lddw %r6, 0x7777\nldxdw %r2, [%r6+0]\nand %r2, 15\n";
  for (const char* shift : {"lsh %r2, 1\n", "lsh %r2, 3\n", "lsh32 %r2, 2\n", "lsh %r2, 4\n"}) {
    const std::string added = start + shift + "mov %r3, %r6\nadd %r3, %r2\n";
    run_both(added + "ldxdw %r0, [%r3+8]\nexit");
    run_both(added + "ldxdw %r0, [%r3+8]\nadd %r0, %r2\nexit");
    run_both(added + "mov %r4, %r3\nldxb %r2, [%r3+9]\nldxdw %r0, [%r4+1]\nadd %r0, %r2\nexit");
    run_both(start + shift + "mov %r3, %r2\nadd %r3, %r2\nmov %r0, %r3\nexit");
  }
}

TEST_CASE("the sum of two registers that are both shifted is the sum of what was shifted") {
  for (const char* first : {"1", "2", "3"})
    for (const char* second : {"1", "2", "3"})
      run_both("lddw %r6, 0x7777\nldxdw %r2, [%r6+0]\nldxdw %r3, [%r6+8]\nmov %r4, %r2\nlsh %r4, " +
               std::string(first) + "\nmov %r5, %r3\nlsh %r5, " + second +
               "\nadd %r4, %r5\nmov %r0, %r4\nxor %r0, %r2\nxor %r0, %r3\nexit");
}

TEST_CASE("a number put together from bytes is the one that lies there, whatever is asked for beside it") {
  const std::string start = "lddw %r6, 0x7777\nadd %r6, 64\n";
  const auto check = [&](const std::string& ops) { run_both(start + ops + "exit"); };
  const std::string two = "ldxb %r1, [%r6+3]\nldxb %r0, [%r6+4]\nlsh %r0, 8\nor %r0, %r1\n";
  check(two);
  check(two + "add %r0, %r1\n");
  check("ldxb %r1, [%r6+3]\nldxb %r0, [%r6+5]\nlsh %r0, 8\nor %r0, %r1\n");
  check("ldxb %r0, [%r6+3]\nldxb %r1, [%r6+4]\nlsh %r0, 8\nor %r0, %r1\n");
  check("ldxb %r1, [%r6+3]\nldxb %r0, [%r6+4]\nlsh %r0, 16\nor %r0, %r1\n");
  check("ldxb %r1, [%r6+3]\nldxb %r0, [%r6+4]\nlsh %r0, 8\nmov %r7, %r6\nadd %r0, %r1\nsub %r7, %r6\nadd %r0, %r7\n");
  check(
      "mov %r7, 5\nldxb %r1, [%r6+3]\nmov %r8, %r7\nldxb %r7, [%r6+4]\nlsh %r7, 8\nor %r7, %r1\nmov %r0, %r7\n"
      "lsh %r0, 8\nadd %r0, %r8\n");
  // The base is lost on the way.
  check("ldxb %r1, [%r6+0]\nldxb %r6, [%r6+1]\nlsh %r6, 8\nor %r6, %r1\nmov %r0, %r6\n");
  // All eight, up, down, and one that is another.
  for (const bool down : {false, true}) {
    for (const int other : {-1, 0, 3, 7}) {
      std::string ops = "mov %r9, 77\n";
      for (int half = 1; half >= 0; --half) {
        const std::string into = half != 0 ? "%r0" : "%r2";
        for (int i = 0; i < 4; ++i) {
          const int byte = 4 * half + i;
          const int off = byte == other ? 9 : down ? 7 - byte : byte;
          const std::string part = i == 0 ? into : "%r1";
          ops += "ldxb " + part + ", [%r6+" + std::to_string(off) + "]\n";
          if (i != 0) ops += "lsh32 %r1, " + std::to_string(8 * i) + "\nor32 " + into + ", %r1\n";
        }
      }
      check(ops + "lsh %r0, 32\nor %r0, %r2\n");
      check(ops + "lsh %r0, 32\nor %r0, %r2\nadd %r0, %r1\n");
      check(ops + "lsh32 %r0, 31\nor %r0, %r2\n");
    }
  }
}
