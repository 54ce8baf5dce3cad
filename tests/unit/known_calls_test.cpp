// Calls whose map or callback is proven to be one: on every road (interpreter, machine code, machine code that counts,
// guarded) they do the same, and a run that ends early leaves nothing behind.
#include <doctest/doctest.h>

#include <array>
#include <atomic>
#include <cerrno>
#include <cstring>
#include <string>
#include <vector>

#include <skep/skep.hpp>

#include "support/run_asm.hpp"

using namespace skep;
using namespace skep::test;

namespace {

/// Instructions, and behind them the load of a map's address into r1, or of the function at that insn into r2.
struct Part {
  std::string_view text;
  int map = -1;
  int function = -1;
};

std::vector<Insn> joined(std::span<const Part> parts) {
  std::vector<Insn> insns;
  for (const Part& part : parts) {
    for (const Insn& insn : assembled(part.text)) insns.push_back(insn);
    const auto here = static_cast<int>(insns.size());
    if (part.map >= 0) insns.emplace_back(0x18, 1, 1, 0, part.map);
    if (part.function >= 0) insns.emplace_back(0x18, 2, 4, 0, part.function - here - 1);
    if (part.map >= 0 || part.function >= 0) insns.emplace_back(0, 0, 0, 0, 0);
  }
  return insns;
}

Verdict judged(std::span<const Part> parts, const std::vector<Map>& maps) {
  const auto program = Program::from_insns(joined(parts), ProgType::raw_tracepoint, maps, "GPL");
  REQUIRE_MESSAGE(program.has_value(), program.error().message());
  return verify(*program);
}

struct Road {
  BuildOptions build;
  std::uint64_t budget;
};
const Road kRoads[] = {
    {{.engine = Engine::interpreter}, RunOptions::kNoBudget},
    {{.engine = Engine::best}, RunOptions::kNoBudget},
    {{.engine = Engine::interpreter}, 1'000'000},
    {{.engine = Engine::best, .metered = true}, 1'000'000},
    {{.mode = Mode::enforced, .engine = Engine::interpreter}, RunOptions::kNoBudget},
};

Executable built_on(const Road& road, const Verdict& verdict) {
  REQUIRE_MESSAGE(verdict.ok(), verdict.explain());
  auto executable = Executable::build(*verdict.verified(), road.build);
  REQUIRE_MESSAGE(executable.has_value(), executable.error().message());
  return *executable;
}

Map made(MapType type, std::uint32_t key_size, std::uint32_t entries, unsigned cpus = 0) {
  const bool ring = type == MapType::ringbuf;
  const MapSpec spec{
      .name = "m", .type = type, .key_size = key_size, .value_size = ring ? 0u : 8u, .max_entries = entries};
  auto map = Map::create(spec, cpus);
  REQUIRE(map);
  return *map;
}

/// The context's first eight bytes are `argument`.
RunResult run(const Executable& executable, std::uint64_t argument, const RunOptions& options) {
  RawContext context{std::as_writable_bytes(std::span(&argument, 1))};
  return executable.run(context, options);
}

std::size_t count_records(const Map& map) {
  std::size_t records = 0;
  auto ring = RingBuffer::open(map, [&](std::span<const std::byte>) { return ++records != 0; });
  REQUIRE(ring);
  ring->consume();
  return records;
}

}  // namespace

TEST_CASE("a known map is updated, searched and erased in alike on every road") {
  // r0 = error of the update · 2^32 + the value found, or 77; with bit 8 of the argument also the error of an erase.
  const std::array<Part, 4> parts{
      Part{
          "ldxdw %r6, [%r1+0]\nmov %r7, %r6\nand %r7, 255\nstdw [%r10-8], 0\nstdw [%r10-16], 0\nstxdw [%r10-24], %r7\n"
          "add %r7, 100\nstxdw [%r10-32], %r7\nmov %r2, %r10\nadd %r2, -24\nmov %r3, %r10\nadd %r3, -32\nmov %r4, %r6\n"
          "rsh %r4, 16",
          0},
      Part{"call 2\nmov %r8, %r0\nlsh %r8, 32\nmov %r2, %r10\nadd %r2, -24", 0},
      Part{"call 1\nmov %r7, 77\njeq %r0, 0, +1\nldxdw %r7, [%r0+0]\nadd %r8, %r7\nand %r6, 256\njeq %r6, 0, +7\n"
           "mov %r2, %r10\nadd %r2, -24",
           0},
      Part{"call 3\nlsh %r0, 8\nxor %r8, %r0\nmov %r0, %r8\nexit"}};
  struct Kind {
    MapType type;
    std::uint32_t key_size;
  };
  for (const Kind kind :
       {Kind{MapType::array, 4}, Kind{MapType::percpu_array, 4}, Kind{MapType::hash, 4}, Kind{MapType::hash, 8},
        Kind{MapType::hash, 16}, Kind{MapType::hash, 13}, Kind{MapType::percpu_hash, 8}, Kind{MapType::lru_hash, 8}}) {
    std::vector<std::uint64_t> expected;
    for (Road road : kRoads) {
      road.build.host = make_process_host({.cpus = 1});
      CAPTURE(name_of(kind.type));
      CAPTURE(kind.key_size);
      const Map map = made(kind.type, kind.key_size, 5);
      const Executable executable = built_on(road, judged(parts, {map}));
      std::vector<std::uint64_t> seen;
      // Flags any, no_exist, exist and one that there is not; keys that are there, that are not, and too many of them.
      for (std::uint64_t flags = 0; flags < 4; ++flags)
        for (const std::uint64_t key : {0, 1, 256 + 1, 1, 2, 3, 4, 5, 6, 256 + 6, 255, 1}) {
          const RunResult result = run(executable, flags << 16 | key, {.budget = road.budget});
          CHECK(result.ok());
          seen.push_back(result.value);
        }
      if (expected.empty()) expected = seen;
      CHECK(seen == expected);
    }
  }
}

TEST_CASE("an update of an array whose flags are known stores the value, all of it and nothing else, on every road") {
  // The value is copied from the frame at an odd place, or from where the look-up before found the value of key 0; the
  // look-up afterwards tells whether r6 and r7 are what they were.
  const auto parts_of = [](std::uint32_t flags, bool from_map) {
    static std::array<std::string, 3> texts;
    texts[0] = "ldxdw %r6, [%r1+0]\nmov %r7, 7\nstw [%r10-4], 0\nmov %r2, %r10\nadd %r2, -4";
    texts[1] = "call 1\njne %r0, 0, +2\nmov %r0, 99\nexit\nmov %r3, " +
               std::string(from_map ? "%r0\n" : "%r10\nadd %r3, -101\n") + "mov %r9, 0\nmov %r8, %r10\nadd %r8, -101\n";
    for (int i = 0; i < 13; ++i)
      texts[1] += "lddw %r4, " + std::to_string(0x0102030405060708 * (i + 1)) + "\nstxdw [%r10-" +
                  std::to_string(104 - 8 * i) + "], %r4\n";
    texts[1] += "stxw [%r10-108], %r6\nmov %r2, %r10\nadd %r2, -108\nmov %r4, " + std::to_string(flags);
    texts[2] = "call 2\nmul %r7, 11\nadd %r7, %r0\nlsh %r7, 8\nadd %r7, %r6\nmov %r0, %r7\nexit";
    return std::array<Part, 3>{Part{texts[0], 0}, Part{texts[1], 0}, Part{texts[2]}};
  };
  constexpr std::uint32_t kEntries = 3;
  for (const MapType type : {MapType::array, MapType::percpu_array})
    for (const std::uint32_t value_size : {1u, 2u, 3u, 4u, 7u, 8u, 12u, 15u, 16u, 31u, 64u, 65u, 88u})
      for (const std::uint32_t flags : {0u, 1u, 2u, 3u})
        for (const bool from_map : {false, true}) {
          CAPTURE(name_of(type));
          CAPTURE(value_size);
          CAPTURE(flags);
          CAPTURE(from_map);
          std::vector<std::vector<std::byte>> expected;
          for (Road road : kRoads) {
            road.build.host = make_process_host({.cpus = 1});
            const MapSpec spec{
                .name = "m", .type = type, .key_size = 4, .value_size = value_size, .max_entries = kEntries};
            const Map map = Map::create(spec, 1).value();
            for (std::uint32_t key = 0; key < kEntries; ++key) {
              std::vector<std::byte> value(map.host_value_size());
              for (std::size_t i = 0; i < value.size(); ++i) value[i] = static_cast<std::byte>(100 * key + i);
              REQUIRE(map.update(std::as_bytes(std::span(&key, 1)), value));
            }
            const Executable executable = built_on(road, judged(parts_of(flags, from_map), {map}));
            std::vector<std::vector<std::byte>> seen;
            for (const std::uint64_t key : {1u, 3u, UINT32_MAX, 2u}) {
              const RunResult result = run(executable, key, {.budget = road.budget});
              CHECK(result.ok());
              const std::int64_t error = flags > 2 ? -EINVAL : key >= kEntries ? -E2BIG : flags == 1 ? -EEXIST : 0;
              CHECK(result.value == static_cast<std::uint64_t>(77 + error) * 256 + key);
              for (std::uint32_t at = 0; at < kEntries; ++at)
                seen.push_back(map.lookup(std::as_bytes(std::span(&at, 1))).value());
            }
            if (expected.empty()) expected = seen;
            CHECK(seen == expected);
          }
        }
}

TEST_CASE("a key that is in range by how it was made finds its element, and one that only may be is compared") {
  using Key = std::uint32_t (*)(std::uint64_t argument);
  struct Way {
    std::string_view text;  ///< makes the key, which is found at r10 - 8, of the argument in r6
    Key key;
  };
  constexpr std::uint32_t kEntries = 8;
  const Way ways[] = {
      {"and %r6, 7\nstxw [%r10-8], %r6", [](std::uint64_t a) { return std::uint32_t(a & 7); }},
      {"and32 %r6, 7\nstxdw [%r10-8], %r6", [](std::uint64_t a) { return std::uint32_t(a & 7); }},
      {"and %r6, 8\nstxw [%r10-8], %r6", [](std::uint64_t a) { return std::uint32_t(a & 8); }},
      {"and %r6, -8\nstxw [%r10-8], %r6", [](std::uint64_t a) { return std::uint32_t(a & ~7ull); }},
      {"mod32 %r6, 8\nstxw [%r10-8], %r6", [](std::uint64_t a) { return std::uint32_t(a) % 8; }},
      {"mod %r6, 9\nstxw [%r10-8], %r6", [](std::uint64_t a) { return std::uint32_t(a % 9); }},
      {"mod32 %r6, -1\nstxw [%r10-8], %r6", [](std::uint64_t a) { return std::uint32_t(a) % UINT32_MAX; }},
      {"rsh %r6, 61\nstxw [%r10-8], %r6", [](std::uint64_t a) { return std::uint32_t(a >> 61); }},
      {"rsh %r6, 60\nstxw [%r10-8], %r6", [](std::uint64_t a) { return std::uint32_t(a >> 60); }},
      {"rsh %r6, 29\nstxw [%r10-8], %r6", [](std::uint64_t a) { return std::uint32_t(a >> 29); }},
      {"rsh32 %r6, 29\nstxw [%r10-8], %r6", [](std::uint64_t a) { return std::uint32_t(a) >> 29; }},
      {"rsh32 %r6, 28\nstxw [%r10-8], %r6", [](std::uint64_t a) { return std::uint32_t(a) >> 28; }},
      {"stw [%r10-8], 7", [](std::uint64_t) { return 7u; }},
      {"stw [%r10-8], 8", [](std::uint64_t) { return 8u; }},
      {"mov32 %r5, %r6\nand %r5, 7\nmov %r4, %r5\nmov %r5, 99\nstxw [%r10-8], %r4",
       [](std::uint64_t a) { return std::uint32_t(a & 7); }},
      {"stxw [%r10-8], %r6\nand %r6, 7", [](std::uint64_t a) { return std::uint32_t(a); }},
      {"and %r6, 7\nadd %r6, 1\nstxw [%r10-8], %r6", [](std::uint64_t a) { return std::uint32_t((a & 7) + 1); }},
      {"stxdw [%r10-16], %r6\nand %r6, 7\nstxw [%r10-8], %r6\nldxb %r6, [%r10-16]\nstxb [%r10-7], %r6",
       [](std::uint64_t a) { return std::uint32_t((a & 7) | (a & 255) << 8); }},
      {"stxdw [%r10-16], %r6\nand %r6, 7\nstxw [%r10-8], %r6\nldxb %r6, [%r10-16]\nstxb [%r10-8], %r6",
       [](std::uint64_t a) { return std::uint32_t(a & 255); }},
      {"stxdw [%r10-16], %r6\nand %r6, 7\nstxw [%r10-8], %r6\nldxh %r6, [%r10-16]\nstxh [%r10-6], %r6\n",
       [](std::uint64_t a) { return std::uint32_t((a & 7) | (a & 65535) << 16); }},
      {"and %r6, 7\nstxw [%r10-8], %r6\nstdw [%r10-16], 99\nstw [%r10-4], 99",
       [](std::uint64_t a) { return std::uint32_t(a & 7); }},
      {"jgt %r6, 3, +1\nand %r6, 3\nstxw [%r10-8], %r6", [](std::uint64_t a) { return std::uint32_t(a); }},
      {"and %r6, 7\njne %r6, 3, +1\nmov %r6, 9\nstxw [%r10-8], %r6",
       [](std::uint64_t a) { return std::uint32_t((a & 7) == 3 ? 9 : a & 7); }},
      {"mov %r5, %r6\nand %r5, 4\nand %r6, 7\nstxw [%r10-8], %r6\nstw [%r10-4], 0\nmov %r3, %r10\nadd %r3, -8\n"
       "add %r3, %r5\nstw [%r3+0], 100",  // to the key, or behind it
       [](std::uint64_t a) { return std::uint32_t((a & 4) != 0 ? a & 7 : 100); }},
  };
  constexpr std::uint64_t kArguments[] = {
      0,   1,        3,        4,          7,          8,          9,          15,        16,         255,
      256, 1u << 28, 1u << 29, 1ull << 31, 1ull << 32, 1ull << 60, 1ull << 61, ~0ull - 1, UINT32_MAX, ~0ull};
  for (const MapType type : {MapType::array, MapType::percpu_array})
    for (const Way& way : ways) {
      CAPTURE(name_of(type));
      CAPTURE(std::string(way.text));
      const std::string head = "ldxdw %r6, [%r1+0]\n" + std::string(way.text) + "\nmov %r2, %r10\nadd %r2, -8";
      const std::array<Part, 2> parts{Part{head, 0},
                                      Part{"call 1\njne %r0, 0, +2\nmov %r0, 77\nexit\nldxdw %r0, [%r0+0]\nexit"}};
      for (Road road : kRoads) {
        road.build.host = make_process_host({.cpus = 1});
        const Map map = made(type, 4, kEntries, 1);
        for (std::uint32_t key = 0; key < kEntries; ++key) REQUIRE(map.update(key, std::uint64_t{1000 + key}));
        const Executable executable = built_on(road, judged(parts, {map}));
        for (const std::uint64_t argument : kArguments) {
          CAPTURE(argument);
          const RunResult result = run(executable, argument, {.budget = road.budget});
          const std::uint32_t key = way.key(argument);
          CHECK(result.ok());
          CHECK(result.value == (key < kEntries ? 1000 + key : 77));
        }
      }
    }
}

TEST_CASE("the CPU that a run asks for late is the one that its per-CPU look-ups use") {
  // A value of the per-CPU array is set and found again with the number asked for before, and after.
  const std::array<Part, 2> parts{
      Part{"stw [%r10-4], 1\nmov %r2, %r10\nadd %r2, -4", 0},
      Part{"call 1\njne %r0, 0, +2\nmov %r0, -1\nexit\nldxdw %r6, [%r0+0]\ncall 8\nlsh %r6, 8\nadd %r0, %r6\nexit"}};
  const auto host = make_process_host({.cpus = 3});
  const Map map = made(MapType::percpu_array, 4, 2, 3);
  const std::array<std::uint64_t, 3> values{10, 11, 12};
  const std::uint32_t key = 1;
  REQUIRE(map.update(std::as_bytes(std::span(&key, 1)), std::as_bytes(std::span(values))));
  for (Road road : kRoads) {
    road.build.host = host;
    const Executable executable = built_on(road, judged(parts, {map}));
    for (int again = 0; again < 4; ++again) {
      const std::uint64_t value = run(executable, 0, {.budget = road.budget}).value;
      REQUIRE((value & 255) < 3);
      CHECK((value >> 8) == 10 + (value & 255));
    }
  }
}

TEST_CASE("records go through a ring alike on every road, and one that a run leaves behind is given back") {
  // Argument 0: submit; 1: discard. Between reserve and that, a loop that a small budget does not get through.
  const std::array<Part, 2> one_ring{
      Part{"ldxdw %r6, [%r1+0]\nmov %r2, 16\nmov %r3, 0", 0},
      Part{"call 131\njne %r0, 0, +2\nmov %r0, 1\nexit\nmov %r7, %r0\nstdw [%r7+0], 5\nmov %r8, 0\nagain:\nadd %r8, 1\n"
           "jlt %r8, 100, again\nmov %r1, %r7\nmov %r2, 0\njne %r6, 0, +3\ncall 132\nmov %r0, 0\nexit\ncall 133\n"
           "mov %r0, 0\nexit"}};
  // The same, but the record comes out of the one or the other.
  const std::array<Part, 4> two_rings{
      Part{"ldxdw %r6, [%r1+0]\njne %r6, 0, +5\nmov %r2, 16\nmov %r3, 0", 0}, Part{"ja +4\nmov %r2, 16\nmov %r3, 0", 1},
      Part{"ja +0"},
      Part{"call 131\njne %r0, 0, +2\nmov %r0, 1\nexit\nmov %r1, %r0\nmov %r2, 0\ncall 132\nmov %r0, 0\nexit"}};
  for (const Road& road : kRoads) {
    const Map ring = made(MapType::ringbuf, 0, 4096), other = made(MapType::ringbuf, 0, 4096);
    const Executable executable = built_on(road, judged(one_ring, {ring}));
    for (std::uint64_t i = 0; i < 10; ++i) CHECK(run(executable, i % 2, {.budget = road.budget}).value == 0);
    CHECK(count_records(ring) == 5);
    if (road.budget != RunOptions::kNoBudget) {
      // More of them than the ring has room for: the consumer must find each one given back to get past it.
      for (int i = 0; i < 300; ++i) {
        CHECK(run(executable, 0, {.budget = 60}).fault_kind() == FaultKind::budget);
        CHECK(count_records(ring) == 0);
      }
      CHECK(run(executable, 0, {.budget = road.budget}).value == 0);
      CHECK(count_records(ring) == 1);
    }
    const Executable both = built_on(road, judged(two_rings, {ring, other}));
    for (std::uint64_t i = 0; i < 9; ++i) CHECK(run(both, i % 3, {.budget = road.budget}).value == 0);
    CHECK(count_records(ring) == 3);
    CHECK(count_records(other) == 6);
  }
}

TEST_CASE("bpf_loop goes round as often as it is told to and as its callback lets it, on every road") {
  // count = low half of the argument, flags = the upper one; the callback counts in *ctx and ends after 5 rounds.
  // r0 = result of bpf_loop · 256 + what the callback has counted
  const std::array<Part, 2> parts{
      Part{"ldxdw %r1, [%r1+0]\nmov %r4, %r1\nrsh %r4, 32\nstdw [%r10-8], 0\nmov %r3, %r10\nadd %r3, -8\nmov %r6, 1",
           -1, 15},
      Part{"call 181\nlsh %r0, 8\nldxdw %r1, [%r10-8]\nadd %r0, %r1\nmul %r0, %r6\nexit\n"
           "mov %r0, 0\n"
           "ldxdw %r3, [%r2+0]\nmov %r6, 9\nadd %r3, 1\nstxdw [%r2+0], %r3\njlt %r1, 5, +1\nmov %r0, 1\nexit"}};
  const auto counted = [](std::int64_t result, std::int64_t rounds) {
    return static_cast<std::uint64_t>(result * 256 + rounds);
  };
  for (const Road& road : kRoads) {
    const Executable executable = built_on(road, judged(parts, {}));
    const RunOptions options{.budget = road.budget};
    CHECK(run(executable, 0, options).value == counted(0, 0));
    CHECK(run(executable, 1, options).value == counted(1, 1));
    CHECK(run(executable, 5, options).value == counted(5, 5));
    CHECK(run(executable, 6, options).value == counted(6, 6));
    CHECK(run(executable, 100, options).value == counted(6, 6));
    CHECK(run(executable, 1u << 23, options).value == counted(6, 6));
    CHECK(run(executable, (1u << 23) + 1, options).value == counted(-E2BIG, 0));
    CHECK(run(executable, UINT32_MAX, options).value == counted(-E2BIG, 0));
    CHECK(run(executable, std::uint64_t{1} << 32 | 3, options).value == counted(-EINVAL, 0));
    std::atomic<bool> stop{true};
    CHECK(run(executable, 3, {.stop = &stop}).fault_kind() == FaultKind::stopped);
  }
}
