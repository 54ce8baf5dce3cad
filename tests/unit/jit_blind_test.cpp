// Numbers that a program's author chose are not found in blinded code. That such code does what it should is what the
// other tests of the JIT show: guarded code is blinded.
#include <doctest/doctest.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <functional>

#include <skep/verify.hpp>

#include "jit/blind.hpp"
#include "support/run_asm.hpp"

using namespace skep;
using namespace skep::test;

namespace {

bool skipped() {
  if (Executable::has_jit()) return false;
  MESSAGE("SKIP: no JIT for this processor");
  return true;
}

/// A number in the program below, and a part of it that plain code holds.
struct Planted {
  const char* where;
  std::uint64_t bits;
  unsigned bytes;
};

constexpr const char* kProgram = R"(
  lddw %r1, 0x1bad1bad2bad2bad
  mov32 %r0, 0x13571357
  mov %r2, -0x24682468
  add %r0, 0x31cc31cc
  and32 %r0, 0x42ee42ee
  mul %r0, 0x53aa53aa
  div %r0, 0x64bb64bb
  stdw [%r10-8], 0x15ce15ce
  stw [%r10-16], 0x26cf26cf
  jeq %r0, 0x37d137d1, out
  jset32 %r0, 0x48d348d3, out
out:
  exit
)";
// Not div's: plain code multiplies by a reciprocal.
constexpr std::array kPlanted{Planted{"lddw", 0x1bad1bad2bad2bad, 8}, Planted{"mov32", 0x13571357, 4},
                              Planted{"mov", 0xdb97db98, 4},          Planted{"add", 0x31cc31cc, 4},
                              Planted{"and32", 0x42ee42ee, 4},        Planted{"mul", 0x53aa53aa, 4},
                              Planted{"stdw", 0x15ce15ce, 4},         Planted{"stw", 0x26cf26cf, 4},
                              Planted{"jeq", 0x37d137d1, 4},          Planted{"jset32", 0x48d348d3, 4}};

/// x86-64 holds a number as it is, arm64 as halves of 16 bits in moves, of which the lowest is looked for.
bool holds(std::span<const std::byte> code, const Planted& planted) {
#ifdef __aarch64__
  for (std::size_t at = 0; at + 4 <= code.size(); at += 4) {
    std::uint32_t insn = 0;
    std::memcpy(&insn, code.data() + at, sizeof insn);
    const std::uint32_t kind = insn & 0x7f800000, half = insn >> 5 & 0xffff;
    const bool moves = kind == 0x52800000 || kind == 0x72800000;
    const bool moves_inverted = kind == 0x12800000;
    if ((moves && half == (planted.bits & 0xffff)) || (moves_inverted && half == (~planted.bits & 0xffff))) return true;
  }
  return false;
#else
  std::array<std::byte, 8> bytes{};
  std::memcpy(bytes.data(), &planted.bits, sizeof planted.bits);
  return std::search(code.begin(), code.end(), bytes.begin(), bytes.begin() + planted.bytes) != code.end();
#endif
}

/// Some mask may bring a number back by chance: once in a thousand builds at most. Not in all of these.
constexpr int kBuilds = 6;

void check_planted(const std::function<Result<Executable>()>& build, bool expected) {
  std::array<int, kPlanted.size()> found{};
  for (int i = 0; i < kBuilds; ++i) {
    const auto executable = build();
    REQUIRE_MESSAGE(executable, executable.error().message());
    for (std::size_t p = 0; p < kPlanted.size(); ++p)
      found[p] += holds(executable->machine_code()->bytes, kPlanted[p]) ? 1 : 0;
  }
  for (std::size_t p = 0; p < kPlanted.size(); ++p) {
    CAPTURE(kPlanted[p].where);
    CHECK((found[p] == kBuilds) == expected);
  }
}

}  // namespace

TEST_CASE("numbers of a program that nobody vouches for are not in its code, unless that is asked for") {
  if (skipped()) return;
  const auto program = Program::from_insns(assembled(kProgram));
  REQUIRE(program);
  const auto build = [&](std::optional<Mode> mode, std::optional<bool> blind) {
    return [&program, options = BuildOptions{.mode = mode, .engine = Engine::jit, .blind = blind}] {
      return Executable::build(*program, options);
    };
  };
  check_planted(build(std::nullopt, std::nullopt), false);
  check_planted(build(Mode::guarded, false), true);
  check_planted(build(Mode::unguarded, std::nullopt), true);
  check_planted(build(Mode::unguarded, true), false);
}

TEST_CASE("numbers of a verified program are in its code, but of an unprivileged user's") {
  if (skipped()) return;
  // What the verifier knows to be constant becomes other numbers: only what it cannot know is planted here.
  const auto program =
      Program::from_insns(assembled("ldxw %r0, [%r1+0]\nxor %r0, 0x31cc31cc\nexit"), ProgType::socket_filter);
  REQUIRE(program);
  const Planted planted{"xor", 0x31cc31cc, 4};
  for (const bool privileged : {true, false}) {
    VerifyOptions how;
    how.bpf = how.perfmon = privileged;
    const auto proven = verify(*program, how).verified();
    REQUIRE_MESSAGE(proven, proven.error().message());
    int found = 0;
    for (int i = 0; i < kBuilds; ++i) {
      const auto executable = Executable::build(*proven, {.engine = Engine::jit});
      REQUIRE_MESSAGE(executable, executable.error().message());
      found += holds(executable->machine_code()->bytes, planted) ? 1 : 0;
    }
    CAPTURE(privileged);
    CHECK((found == kBuilds) == privileged);
  }
}

TEST_CASE("two builds of an untrusted program have no code in common that holds numbers") {
  if (skipped()) return;
  const auto first = built(kProgram, {.build = {.engine = Engine::jit}});
  const auto second = built(kProgram, {.build = {.engine = Engine::jit}});
  const auto a = first.machine_code()->bytes, b = second.machine_code()->bytes;
  CHECK(!std::equal(a.begin(), a.end(), b.begin(), b.end()));
}

TEST_CASE("halves bring any number back, and are as narrow as it is") {
  jit::Masks masks;
  constexpr std::array<std::uint64_t, 8> kNumbers{
      0, 1, 0x7fffffff, 0x80000000, 0xffffffff, 0xffffffff80000000, ~std::uint64_t{0}, 0x123456789abcdef0};
  for (const std::uint64_t number : kNumbers) {
    bool differed = false;
    for (int i = 0; i < 100; ++i) {
      const auto [one, other] = masks.halves(number);
      CHECK((one ^ other) == number);
      const auto is_signed = [](std::uint64_t half) {
        return half == static_cast<std::uint64_t>(std::int64_t{static_cast<std::int32_t>(half)});
      };
      if (number <= UINT32_MAX)
        CHECK((one <= UINT32_MAX && other <= UINT32_MAX));
      else if (is_signed(number))
        CHECK((is_signed(one) && is_signed(other)));
      differed = differed || one != number;
    }
    CHECK(differed);
  }
}
