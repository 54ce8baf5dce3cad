// What a verification holds: states within the limit whatever the program, measured by the verifier's own account and
// by what this process really allocates.
#include <doctest/doctest.h>
#include <malloc.h>

#include <algorithm>
#include <cstdlib>
#include <new>
#include <vector>

#include "program/program.hpp"
#include "verifier/input.hpp"
#include "verifier/prune/values.hpp"

namespace {

struct Allocated {
  std::size_t now = 0, most = 0;
};
Allocated allocated;

void* take(std::size_t bytes) {
  void* memory = std::malloc(bytes);
  if (memory == nullptr) std::abort();
  allocated.now += malloc_usable_size(memory);
  allocated.most = std::max(allocated.most, allocated.now);
  return memory;
}

void give(void* memory) noexcept {
  if (memory != nullptr) allocated.now -= malloc_usable_size(memory);
  std::free(memory);
}

}  // namespace

void* operator new(std::size_t bytes) { return take(bytes); }
void* operator new[](std::size_t bytes) { return take(bytes); }
void operator delete(void* memory) noexcept { give(memory); }
void operator delete[](void* memory) noexcept { give(memory); }
void operator delete(void* memory, std::size_t) noexcept { give(memory); }
void operator delete[](void* memory, std::size_t) noexcept { give(memory); }

namespace skep::verifier {
namespace {

constexpr std::size_t kMiB = 1 << 20;
constexpr std::int32_t kRandom = 7;  // bpf_get_prandom_u32

constexpr Insn move(std::uint8_t dst, std::int32_t value) { return {0xb7, dst, 0, 0, value}; }
constexpr Insn copy(std::uint8_t dst, std::uint8_t src) { return {0xbf, dst, src, 0, 0}; }
constexpr Insn add(std::uint8_t dst, std::int32_t value) { return {0x07, dst, 0, 0, value}; }
constexpr Insn add_reg(std::uint8_t dst, std::uint8_t src) { return {0x0f, dst, src, 0, 0}; }
constexpr Insn skip_if_greater(std::uint8_t dst, std::int32_t value, std::int16_t by) {
  return {0x25, dst, 0, by, value};
}
constexpr Insn call(std::int32_t helper) { return {0x85, 0, 0, 0, helper}; }
constexpr Insn spill(unsigned slot, std::uint8_t src) {
  return {0x7b, 10, src, static_cast<std::int16_t>(-8 * static_cast<int>(slot) - 8), 0};
}
constexpr Insn kLoadByte{0x71, 1, 3, 0, 0};  // r1 = *(u8 *)(r3 + 0)
constexpr Insn kExit{0x95, 0, 0, 0, 0};

/// A full stack of unknown numbers, then `blocks` branches after which r6 and some slot differ; in the end r6 has to be
/// exact, so that hardly any state covers another: the states to keep are about blocks * blocks / 2.
program::Program crowded(unsigned blocks) {
  program::Program program;
  program.name = "crowded";
  program.type = ProgType::socket_filter;
  program.license = "GPL";
  auto& insns = program.insns;
  for (unsigned slot = 0; slot < 64; ++slot) insns.insert(insns.end(), {call(kRandom), spill(slot, 0)});
  insns.push_back(move(6, 0));
  for (unsigned i = 0; i < blocks; ++i) {
    insns.insert(insns.end(), {call(kRandom), copy(7, 0), move(8, 1), move(8, 2), move(8, 3), move(8, 4)});
    insns.insert(insns.end(), {skip_if_greater(0, 9, 1), add(6, 1), spill(i % 64, 7), spill((i * 8 + 5) % 64, 7)});
  }
  insns.insert(insns.end(), {copy(3, 10), add(3, -512), add_reg(3, 6), kLoadByte, move(0, 0), kExit});
  program.subprogs.push_back({});
  return program;
}

/// Looks sockets up without end, and releases none; half of the times there is none.
program::Program hoarder() {
  constexpr std::int32_t kLookUp = 84;  // bpf_sk_lookup_tcp
  program::Program program;
  program.name = "hoarder";
  program.type = ProgType::sched_cls;
  program.license = "GPL";
  program.insns = {copy(6, 1), move(9, 0), spill(0, 9), spill(1, 9)};
  const std::vector<Insn> round{copy(1, 6), copy(2, 10), add(2, -16),          move(3, 12),
                                move(4, 0), move(5, 0),  call(kLookUp),        {0x15, 0, 0, 1, 0},
                                add(8, 0),  add(9, -4),  {0x55, 9, 0, -11, 16}};
  program.insns.insert(program.insns.begin() + 2, move(8, 0));
  program.insns.insert(program.insns.end(), round.begin(), round.end());
  program.insns.insert(program.insns.end(), {move(0, 0), kExit});
  program.subprogs.push_back({});
  return program;
}

struct Measured {
  Report report;
  std::size_t most_allocated;
};

Measured measure(const program::Program& program, std::size_t limit) {
  Input input;
  input.program = &program;
  if (limit != 0) input.options.limits.bytes = limit;
  const std::size_t before = allocated.now;
  allocated.most = before;
  Report report = verify(input);
  return {std::move(report), allocated.most - before};
}

TEST_CASE("a program with very many states stays below 64 MiB, and all that grows is accounted for") {
  const Measured measured = measure(crowded(200), 0);
  CHECK(measured.report.accepted());
  CHECK(measured.report.stats.total_states > 20'000);
  CHECK(measured.report.stats.peak_bytes < 64 * kMiB);
  CHECK(measured.most_allocated < 64 * kMiB);
  CHECK(measured.most_allocated < measured.report.stats.peak_bytes + 2 * kMiB);
}

TEST_CASE("the limits leave a verification below 64 MiB") {
  CHECK(Limits{}.bytes + Values::kMostNodes * 8 < 52 * kMiB);  // what is left is for blocks that are free
}

TEST_CASE("where not all states fit, less is covered, but the verdict is the same") {
  const Measured roomy = measure(crowded(60), 0);
  const Measured tight = measure(crowded(60), kMiB * 3 / 2);
  REQUIRE(roomy.report.accepted());
  CHECK(tight.report.accepted());
  CHECK(tight.report.stats.processed > roomy.report.stats.processed);
  CHECK(tight.report.stats.peak_states < roomy.report.stats.peak_states);
  CHECK(tight.report.stats.peak_bytes < 2 * kMiB + Values::kMostNodes * 8);
  CHECK(tight.most_allocated < 2 * kMiB + Values::kMostNodes * 8);
}

TEST_CASE("references that no path can give back are few, and accounted for") {
  const Measured measured = measure(hoarder(), 0);
  REQUIRE_FALSE(measured.report.accepted());
  CHECK(measured.report.findings.front().code == Code::reference_leak);
  CHECK(measured.report.stats.processed < 100'000);
  CHECK(measured.most_allocated < 16 * kMiB);
  CHECK(measured.most_allocated < measured.report.stats.peak_bytes + 2 * kMiB);
}

TEST_CASE("paths that wait and do not fit end the verification") {
  const Measured measured = measure(crowded(200), 64 * 1024);
  REQUIRE_FALSE(measured.report.accepted());
  CHECK(measured.report.findings.front().code == Code::too_much_memory);
}

}  // namespace
}  // namespace skep::verifier
