// What machine code of proven programs is not made of: what a proof, or a look at the loop around, makes needless.
// Results say nothing of that, the code does.
#include <doctest/doctest.h>

#include <algorithm>
#include <array>
#include <bit>
#include <cstdint>
#include <string_view>
#include <vector>

#include <skep/skep.hpp>

#include "isa/text.hpp"
#include "maps/map_storage.hpp"

using namespace skep;

namespace {

bool skipped() {
  if (Executable::has_jit()) return false;
  MESSAGE("SKIP: no JIT for this processor");
  return true;
}

Executable proven(const std::vector<Insn>& insns, std::span<const Map> maps = {}) {
  const auto program = Program::from_insns(insns, ProgType::xdp, maps, "GPL");
  REQUIRE_MESSAGE(program.has_value(), program.error().message());
  const Verdict verdict = verify(*program);
  REQUIRE_MESSAGE(verdict.ok(), verdict.explain());
  auto executable = Executable::build(*verdict.verified(), {.engine = Engine::jit});
  REQUIRE_MESSAGE(executable.has_value(), executable.error().message());
  return *executable;
}

Executable proven(std::string_view text) {
  const auto insns = isa::assemble(text);
  REQUIRE_MESSAGE(insns.has_value(), insns.error().message());
  return proven(*insns);
}

std::size_t code_bytes(std::string_view text) { return proven(text).machine_code()->bytes.size(); }

}  // namespace

TEST_CASE("a divisor that is never 0 is not compared with 0") {
  if (skipped()) return;
  for (const char* division : {"div %r0, %r2", "mod %r0, %r2", "div32 %r0, %r2", "sdiv %r0, %r2", "smod32 %r0, %r2"}) {
    const std::string head = "ldxw %r0, [%r1+12]\nldxw %r2, [%r1+16]\n";
    const std::size_t asks = code_bytes(head + "and %r2, -2\n" + division + "\nexit");
    const std::size_t knows = code_bytes(head + "or %r2, 1\n" + division + "\nexit");
    CHECK(knows <= asks);  // arm64's division yields 0 there by itself
#if defined(__x86_64__)
    CHECK_MESSAGE(knows + 4 <= asks, std::string(division));
#endif
  }
}

TEST_CASE("a number put together from bytes is one load, also where the block ends with it") {
  if (skipped()) return;
  const std::string head = "mov %r0, 0\nldxw %r2, [%r1+0]\nldxw %r3, [%r1+4]\nmov %r4, %r2\nadd %r4, 8\n";
  const std::size_t one = code_bytes(head + "jgt %r4, %r3, +1\nldxw %r0, [%r2+0]\nexit");
  const std::size_t four = code_bytes(
      head +
      "jgt %r4, %r3, +10\nldxb %r0, [%r2+1]\nlsh32 %r0, 8\nldxb %r3, [%r2+0]\nor32 %r0, %r3\nldxb %r3, [%r2+2]\n"
      "lsh32 %r3, 16\nor32 %r0, %r3\nldxb %r2, [%r2+3]\nlsh32 %r2, 24\nor32 %r0, %r2\nexit");
  CHECK(four <= one + 4);  // the branch over it may be a long one
}

TEST_CASE("a look-up under a key that is in range is not compared, and what it finds is not tested") {
  if (skipped()) return;
  auto map = Map::create({.name = "a", .type = MapType::array, .key_size = 4, .value_size = 8, .max_entries = 16}, 2);
  REQUIRE(map);
  const auto bytes = [&](std::int32_t mask) {
    const std::vector<Insn> insns{
        {0x61, 6, 1, 12, 0},  {0x57, 6, 0, 0, mask},                      // a field of the context & mask
        {0x63, 10, 6, -4, 0}, {0x18, 1, 1, 0, 0},    {0, 0, 0, 0, 0},     // the map
        {0xbf, 2, 10, 0, 0},  {0x07, 2, 0, 0, -4},   {0x85, 0, 0, 0, 1},  // look up
        {0x55, 0, 0, 2, 0},   {0xb7, 0, 0, 0, 1234}, {0x95, 0, 0, 0, 0},  // none
        {0x79, 0, 0, 0, 0},   {0x95, 0, 0, 0, 0},
    };
    return proven(insns, std::span(&*map, 1)).machine_code()->bytes.size();
  };
  CHECK(bytes(15) + 16 <= bytes(31));
}

#if defined(__x86_64__)
namespace {

/// How often the code holds the number, as x86-64 loads it.
std::ptrdiff_t count_of(const Executable& executable, std::uint64_t number) {
  const auto code = executable.machine_code()->bytes;
  const auto wanted = std::bit_cast<std::array<std::byte, 8>>(number);
  std::ptrdiff_t count = 0;
  for (auto at = code.begin(); (at = std::search(at, code.end(), wanted.begin(), wanted.end())) != code.end(); ++at)
    ++count;
  return count;
}

}  // namespace

TEST_CASE("a loop around look-ups in an array loads its address once, before it begins, and the map's never") {
  auto map = Map::create({.name = "a", .type = MapType::array, .key_size = 4, .value_size = 8, .max_entries = 16}, 2);
  REQUIRE(map);
  std::vector<Insn> insns{
      {0xb7, 6, 0, 0, 0},   {0xb7, 7, 0, 0, 0},                         // sum, key
      {0x63, 10, 7, -4, 0}, {0x18, 1, 1, 0, 0},    {0, 0, 0, 0, 0},     // the map
      {0xbf, 2, 10, 0, 0},  {0x07, 2, 0, 0, -4},   {0x85, 0, 0, 0, 1},  // look up
      {0x15, 0, 0, 4, 0},   {0x79, 0, 0, 0, 0},    {0x0f, 6, 0, 0, 0},  // none: out
      {0x07, 7, 0, 0, 1},   {0xa5, 7, 0, -11, 10}, {0xbf, 0, 6, 0, 0},  // ten of them
      {0x95, 0, 0, 0, 0},
  };
  const Executable executable = proven(insns, std::span(&*map, 1));
  const auto base = reinterpret_cast<std::uint64_t>(map->storage()->value_areas().front().base);
  CHECK(count_of(executable, base) == 1);
  CHECK(count_of(executable, reinterpret_cast<std::uint64_t>(map->storage().get())) == 0);
  for (std::uint32_t key = 0; key < 16; ++key) REQUIRE(map->update(key, std::uint64_t{key + 1}));
  XdpPacket packet(std::vector<std::byte>(64));
  CHECK(executable.run(packet).value == 55);
}
#endif
