// Programs as compilers write them, proven and then run without any check: the JIT's walk that puts values off, against
// the interpreter. SKEP_JIT_PROGRAMS and SKEP_JIT_SEED in the environment ask for more programs, or for others.
#include <doctest/doctest.h>

#include <array>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include <fmt/format.h>
#include <skep/skep.hpp>

#include "differential/generator.hpp"
#include "differential/tuned_generator.hpp"
#include "differential/tuned_slots.hpp"
#include "isa/text.hpp"
#include "support/environment.hpp"

using namespace skep;

namespace {

using Value = std::array<std::uint64_t, differential::kValueBytes / 8>;
constexpr unsigned kMaps = 2;

std::string listing(std::span<const Insn> insns) {
  std::string text;
  for (std::uint32_t pc = 0; pc < insns.size(); ++pc)
    text += fmt::format("{:4}: {}\n", pc, isa::disassemble(insns, pc, isa::Style::llvm));
  return text;
}

/// The map and the packet that all programs run on.
class Bench {
 public:
  Bench() : packet_(std::span<const std::byte>(bytes_)) {
    for (const MapType type : {MapType::array, MapType::hash}) {
      auto map =
          Map::create({.name = "value", .type = type, .key_size = 4, .value_size = sizeof(Value), .max_entries = 1}, 1);
      REQUIRE(map);
      maps_.push_back(*map);
    }
  }

  [[nodiscard]] Result<Program> program(std::span<const Insn> insns) const {
    return Program::from_insns(insns, ProgType::xdp, maps_, "GPL");
  }

  struct Outcome {
    bool operator==(const Outcome&) const = default;
    std::uint64_t r0 = 0;
    bool ok = false;
    std::array<Value, kMaps> values{};
  };
  Outcome run(const Executable& executable, std::uint64_t seed) {
    std::mt19937_64 random(seed);
    const std::uint32_t key = 0;
    const auto key_bytes = std::as_bytes(std::span(&key, 1));
    for (const Map& map : maps_) {
      Value value;
      for (std::uint64_t& word : value) word = random() % 3 == 0 ? random() : differential::interesting(random());
      REQUIRE(map.update(key_bytes, std::as_bytes(std::span(value))));
    }
    packet_.reset(std::span<const std::byte>(bytes_));
    const RunResult result = executable.run(packet_);
    Outcome outcome{result.value, result.ok(), {}};
    for (unsigned i = 0; i < kMaps; ++i) {
      const auto left = maps_[i].lookup(key_bytes);
      REQUIRE(left);
      std::memcpy(outcome.values[i].data(), left->data(), sizeof(Value));
    }
    return outcome;
  }

 private:
  std::vector<Map> maps_;
  std::array<std::byte, 64> bytes_{};
  XdpPacket packet_;
};

std::string difference(const Bench::Outcome& jit, const Bench::Outcome& interpreter) {
  if (jit.ok != interpreter.ok) return "one of them failed";
  if (jit.r0 != interpreter.r0) return fmt::format("r0 {:#x} / {:#x}", jit.r0, interpreter.r0);
  for (unsigned map = 0; map < kMaps; ++map)
    for (std::size_t i = 0; i < jit.values[map].size(); ++i)
      if (jit.values[map][i] != interpreter.values[map][i])
        return fmt::format("map {}, word {}: {:#x} / {:#x}", map, i, jit.values[map][i], interpreter.values[map][i]);
  return "";
}

constexpr unsigned kInputs = 3;

enum class Told : std::uint8_t { refused, same, different };

/// Both engines, on several inputs.
Told compare(Bench& bench, const std::vector<Insn>& insns, std::uint64_t seed) {
  const auto program = bench.program(insns);
  REQUIRE_MESSAGE(program, program.error().message());
  const Verdict verdict = verify(*program, {.max_processed = 20'000});
  if (!verdict.ok()) {
    if (std::getenv("SKEP_JIT_REFUSED") != nullptr)
      MESSAGE("seed ", seed, ": ", verdict.explain(), "\n", listing(insns));
    return Told::refused;
  }
  const auto slow = Executable::build(*verdict.verified(), {.engine = Engine::interpreter});
  const auto fast = Executable::build(*verdict.verified(), {.engine = Engine::jit});
  REQUIRE(slow);
  REQUIRE_MESSAGE(fast, fast.error().message());
  for (unsigned input = 0; input < kInputs; ++input) {
    const auto expected = bench.run(*slow, seed * kInputs + input);
    const auto got = bench.run(*fast, seed * kInputs + input);
    if (got == expected) continue;
    MESSAGE("seed ", seed, ", input ", input, ": jit / interpreter: ", difference(got, expected), "\n", listing(insns));
    return Told::different;
  }
  return Told::same;
}

void expect_same(const std::vector<Insn>& insns) {
  if (!Executable::has_jit()) {
    MESSAGE("SKIP: no JIT for this machine");
    return;
  }
  Bench bench;
  CHECK(compare(bench, insns, 1) == Told::same);
}

/// Many programs of a generator, by seeds.
void expect_all_same(std::string_view name, std::vector<Insn> (&generate)(std::uint64_t)) {
  if (!Executable::has_jit()) {
    MESSAGE("SKIP: no JIT for this machine");
    return;
  }
  const std::uint64_t programs = test::number_from_environment("SKEP_JIT_PROGRAMS", 20'000);
  const std::uint64_t first_seed = test::number_from_environment("SKEP_JIT_SEED", 1);
  constexpr std::uint64_t kMostShown = 3;
  Bench bench;
  std::uint64_t verified = 0, different = 0;
  for (std::uint64_t seed = first_seed; seed < first_seed + programs && different < kMostShown; ++seed) {
    CAPTURE(seed);
    const Told told = compare(bench, generate(seed), seed);
    verified += told == Told::refused ? 0 : 1;
    different += told == Told::different ? 1 : 0;
  }
  MESSAGE(name, ": ", programs, " programs from seed ", first_seed, ": ", verified, " verified, each run on ", kInputs,
          " inputs, ", different, " different");
  CHECK(different == 0);
  if (different == 0) CHECK(verified * 2 > programs);
}

}  // namespace

TEST_CASE("what compilers write does the same on the interpreter and as code that puts values off") {
  expect_all_same("jit tuned", differential::generate_tuned);
}

TEST_CASE("what lies on the stack and what lives in registers instead are the same") {
  expect_all_same("jit slots", differential::generate_slots);
}

TEST_CASE("a load finds its address where something else is computed before it") {
  const std::vector<Insn> insns{
      {0x18, 4, 2, 0, 0},  {0, 0, 0, 0, 0},  // r4 = map 0's value
      {0x79, 2, 4, 0, 0},                    // r2 = *(u64 *)(r4 + 0)
      {0x57, 2, 0, 0, 15},                   // r2 &= 15
      {0x79, 1, 4, 8, 0},                    // r1 = *(u64 *)(r4 + 8)
      {0xbf, 3, 2, 0, 0},                    // r3 = r2
      {0x0f, 3, 4, 0, 0},                    // r3 += r4
      {0xbf, 2, 1, 0, 0},                    // r2 = r1
      {0x07, 2, 0, 0, 4},                    // r2 += 4
      {0x79, 1, 3, 0, 0},                    // r1 = *(u64 *)(r3 + 0)
      {0x7b, 4, 1, 16, 0},                   // *(u64 *)(r4 + 16) = r1
      {0x7b, 4, 2, 24, 0},                   // *(u64 *)(r4 + 24) = r2
      {0xb7, 0, 0, 0, 0},                    // r0 = 0
      {0x95, 0, 0, 0, 0},
  };
  expect_same(insns);
}

TEST_CASE("a copy of what waits in the register of a call's result outlives the call") {
  const std::vector<Insn> insns{
      {0x18, 0, 2, 0, 0},  {0, 0, 0, 0, 0},  // r0 = map 0's value
      {0x79, 4, 0, 8, 0},                    // r4 = *(u64 *)(r0 + 8)
      {0x79, 5, 0, 16, 0},                   // r5 = *(u64 *)(r0 + 16)
      {0xbc, 0, 5, 0, 0},                    // w0 = w5
      {0xbf, 8, 0, 0, 0},                    // r8 = r0
      {0x85, 0, 1, 0, 4},                    // call f
      {0x18, 1, 2, 0, 0},  {0, 0, 0, 0, 0},  // r1 = map 0's value
      {0x7b, 1, 8, 0, 0},                    // *(u64 *)(r1 + 0) = r8
      {0x95, 0, 0, 0, 0},                    // exit
      {0xbf, 0, 4, 0, 0},                    // f: r0 = r4
      {0x95, 0, 0, 0, 0},
  };
  expect_same(insns);
}

TEST_CASE("a loop that adds up what it reads at a place that the sum decides adds that up") {
  // The verifier knows what words lie on the stack, so it knows where the sum leads to.
  std::vector<Insn> insns{{0x18, 4, 2, 0, 0}, {0, 0, 0, 0, 0}};  // r4 = map 0's value
  for (int word = 1; word <= 60; ++word)
    insns.push_back({0x7a, 10, 0, static_cast<std::int16_t>(-8 * word), word % 2 * 4});
  const std::vector<Insn> loop{
      {0xbf, 1, 10, 0, 0},    // r1 = r10
      {0x07, 1, 0, 0, -480},  // r1 += -480
      {0xb7, 0, 0, 0, 0},     // r0 = 0
      {0xb7, 5, 0, 0, 0},     // r5 = 0
      {0xbf, 2, 1, 0, 0},     // again: r2 = r1
      {0x0f, 2, 0, 0, 0},     // r2 += r0
      {0x61, 3, 2, 0, 0},     // r3 = *(u32 *)(r2 + 0)
      {0x0c, 0, 3, 0, 0},     // w0 += w3
      {0x07, 1, 0, 0, 4},     // r1 += 4
      {0x07, 5, 0, 0, 1},     // r5 += 1
      {0x55, 5, 0, -7, 20},   // if r5 != 20 goto again
      {0x7b, 4, 0, 0, 0},     // *(u64 *)(r4 + 0) = r0
      {0x95, 0, 0, 0, 0},
  };
  insns.insert(insns.end(), loop.begin(), loop.end());
  expect_same(insns);
}
