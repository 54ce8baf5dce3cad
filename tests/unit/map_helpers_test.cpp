// Helpers of the kinds that have helpers of their own, here and in the running kernel: queues, stacks, Bloom filters
// and perf event arrays in programs.
#include <doctest/doctest.h>

#include <skep/perf_buffer.hpp>

#include <string>

#include "support/kernel_map.hpp"
#include "support/run_asm.hpp"

using namespace skep;

namespace {

/// A program in which the constant 0xabc0 stands for a map.
std::vector<Insn> with_map(std::string_view text, int map) {
  std::vector<Insn> insns = test::assembled(text);
  for (Insn& insn : insns) {
    if (insn.opcode != 0x18 || insn.imm != 0xabc0) continue;
    insn.src = BPF_PSEUDO_MAP_FD;
    insn.imm = map;
  }
  return insns;
}

RunResult run_here(std::string_view text, const Map& map, Context& context) {
  const auto program = Program::from_insns(with_map(text, 0), ProgType::xdp, std::span(&map, 1));
  REQUIRE_MESSAGE(program.has_value(), program.error().message());
  const auto executable = Executable::build(*program);
  REQUIRE_MESSAGE(executable.has_value(), executable.error().message());
  const RunResult result = executable->run(context);
  CHECK_MESSAGE(result.ok(), executable->explain(result.fault));
  return result;
}

/// Runs the text on both sides, each with a map of its own; r0 must agree. Ours is given back.
std::uint32_t run_on_both(std::string_view text, const Map& ours, const kernel::KernelMap& theirs) {
  const std::vector<std::byte> frame(64, std::byte{1});
  XdpPacket packet(frame);
  const auto mine = static_cast<std::uint32_t>(run_here(text, ours, packet).value);
  const auto program = kernel::load(ProgType::xdp, with_map(text, theirs.fd()));
  REQUIRE(program.ok());
  const auto run = kernel::run_xdp(program, frame);
  REQUIRE(run.sys >= 0);
  CHECK(mine == run.value);
  return mine;
}

std::string push(std::uint64_t value, int flags) {
  return "*(u64 *)(r10 - 8) = " + std::to_string(value) +
         "\nr1 = 0xabc0 ll\nr2 = r10\nr2 += -8\nr3 = " + std::to_string(flags) + "\ncall 87\nexit\n";
}

/// The value and, in the upper half, the error.
std::string take(int helper, std::uint64_t value = 99) {
  return "*(u64 *)(r10 - 8) = " + std::to_string(value) + "\nr1 = 0xabc0 ll\nr2 = r10\nr2 += -8\ncall " +
         std::to_string(helper) + "\nr0 <<= 8\nr1 = *(u64 *)(r10 - 8)\nr0 += r1\nexit\n";
}

/// bpf_perf_event_output of eight bytes with these flags.
std::string emit(std::uint64_t flags) {
  return "*(u64 *)(r10 - 8) = 5\nr2 = 0xabc0 ll\nr3 = " + std::to_string(flags) +
         " ll\nr4 = r10\nr4 += -8\nr5 = 8\ncall 25\nexit\n";
}

}  // namespace

TEST_CASE("programs push, pop and peek with the outcomes of the kernel's programs") {
  if (const auto reason = kernel::unavailable()) {
    MESSAGE("SKIP: " << *reason);
    return;
  }
  for (const MapType type : {MapType::queue, MapType::stack}) {
    CAPTURE(name_of(type));
    const auto ours = Map::create({.name = "bag", .type = type, .key_size = 0, .value_size = 8, .max_entries = 2});
    REQUIRE(ours);
    const kernel::KernelMap theirs(ours->spec());
    for (const std::string& text :
         {take(88), take(89), push(1, 0), take(89), push(2, 0), push(3, 0), push(4, 2), push(5, 1), push(6, 3),
          take(89), take(88), take(89), take(88), take(88), push(7, 2), take(88)})
      run_on_both(text, *ours, theirs);
  }
  const auto ours =
      Map::create({.name = "filter", .type = MapType::bloom_filter, .key_size = 0, .value_size = 8, .max_entries = 50});
  REQUIRE(ours);
  const kernel::KernelMap theirs(ours->spec());
  for (const std::string& text : {take(89, 7), push(7, 0), take(89, 7), push(7, 1), push(7, 2)})
    run_on_both(text, *ours, theirs);
}

TEST_CASE("perf output without a buffer, past the array and with bad flags gives the kernel's errors") {
  if (const auto reason = kernel::unavailable()) {
    MESSAGE("SKIP: " << *reason);
    return;
  }
  const auto ours = Map::create(
      {.name = "events", .type = MapType::perf_event_array, .key_size = 4, .value_size = 4, .max_entries = 4096});
  REQUIRE(ours);
  const kernel::KernelMap theirs(ours->spec());
  constexpr std::uint64_t kPacket = std::uint64_t{1} << 32;
  for (const std::uint64_t flags : {std::uint64_t{0}, std::uint64_t{0xffffffff}, std::uint64_t{4095},
                                    std::uint64_t{4096}, std::uint64_t{0xfffffffe}, 64 * kPacket, 65 * kPacket,
                                    65 * kPacket + 4096, std::uint64_t{1} << 52, std::uint64_t{1} << 63}) {
    CAPTURE(flags);
    CHECK(static_cast<std::int32_t>(run_on_both(emit(flags), *ours, theirs)) < 0);
  }
}

TEST_CASE("a program's perf record comes with its bytes, then the packet's") {
  const auto map = Map::create(
      {.name = "events", .type = MapType::perf_event_array, .key_size = 4, .value_size = 4, .max_entries = 512});
  REQUIRE(map);
  std::vector<std::vector<std::byte>> records;
  const auto take_record = [&](unsigned, std::span<const std::byte> record) {
    records.emplace_back(record.begin(), record.end());
    return true;
  };
  auto buffer = PerfBuffer::open(*map, take_record);
  REQUIRE(buffer);
  std::vector<std::byte> frame(64);
  for (std::size_t i = 0; i < frame.size(); ++i) frame[i] = static_cast<std::byte>(i);
  XdpPacket packet(frame);
  CHECK(run_here(emit(0xffffffff), *map, packet).value == 0);
  CHECK(run_here(emit((std::uint64_t{10} << 32) + 0xffffffff), *map, packet).value == 0);
  CHECK(buffer->consume() == 2);
  REQUIRE(records.size() == 2);
  std::vector<std::byte> expected(8);
  expected[0] = std::byte{5};
  CHECK(records[0] == expected);
  expected.insert(expected.end(), frame.begin(), frame.begin() + 10);
  CHECK(records[1] == expected);
}
