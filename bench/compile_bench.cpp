// Compiling large programs: nanoseconds for an instruction, which should not depend on how many there are.
//
// The program is generated: arithmetic, stack accesses and forward jumps over values out of the packet. It is verified,
// as programs are that run without guards.
#include <cstdint>
#include <string>
#include <vector>

#include <benchmark/benchmark.h>
#include <skep/skep.hpp>

#include "benches.hpp"

namespace skep::bench {
namespace {

/// One step of a linear congruential generator, its upper bits.
class Choices {
 public:
  std::uint32_t below(std::uint32_t limit) {
    state_ = state_ * 6364136223846793005u + 1442695040888963407u;
    return static_cast<std::uint32_t>(state_ >> 33) % limit;
  }

 private:
  std::uint64_t state_ = 5;
};

constexpr std::uint8_t kFrame = 10;

constexpr std::int16_t kPacketSlot = -72;
constexpr std::uint32_t kBlock = 48;

/// Puts the packet's address, of 64 bytes that are proven, into its slot.
std::vector<Insn> start() {
  return {
      {0x61, 2, 1, 0, 0},  // r2 = ctx->data
      {0x61, 3, 1, 4, 0},  // r3 = ctx->data_end
      {0xbf, 4, 2, 0, 0},  // r4 = r2 + 64
      {0x07, 4, 0, 0, 64}, {0xb7, 0, 0, 0, 0},
      {0xbd, 4, 3, 1, 0},  // if r4 <= r3 skip the exit
      {0x95, 0, 0, 0, 0},  {0x7b, kFrame, 2, kPacketSlot, 0},
  };
}

/// Fills r0 to r9 and the eight upper slots from the packet. The ways through a block meet here, so that their number
/// does not grow from block to block.
void meet(std::vector<Insn>& insns) {
  insns.push_back({0x79, 9, kFrame, kPacketSlot, 0});
  for (std::uint8_t reg = 0; reg < 8; ++reg) {
    insns.push_back({0x79, reg, 9, static_cast<std::int16_t>(8 * reg), 0});
    insns.push_back({0x7b, kFrame, reg, static_cast<std::int16_t>(-8 * (reg + 1)), 0});
  }
  insns.push_back({0xbf, 8, 0, 0, 0});
  insns.push_back({0xbf, 9, 1, 0, 0});
}

Insn next(Choices& choices, std::uint32_t left) {
  constexpr std::uint8_t kReg[] = {0x0f, 0x1f, 0xaf, 0x4f, 0x5f, 0xbf, 0x0c, 0xac, 0xbc, 0x2f};
  constexpr std::uint8_t kImm[] = {0x07, 0x57, 0x77, 0x67, 0x04, 0x54, 0x74, 0xb7};
  constexpr std::uint8_t kJump[] = {0x15, 0x55, 0x25, 0xa5, 0x1d, 0x2d};
  const auto dst = static_cast<std::uint8_t>(choices.below(kFrame)),
             src = static_cast<std::uint8_t>(choices.below(kFrame));
  const auto slot = static_cast<std::int16_t>(-8 * (1 + static_cast<int>(choices.below(8))));
  const std::uint32_t share = choices.below(100);
  if (share < 40) return {kReg[choices.below(std::size(kReg))], dst, src, 0, 0};
  if (share < 70)
    return {kImm[choices.below(std::size(kImm))], dst, 0, 0, static_cast<std::int32_t>(choices.below(32))};
  if (share < 80) return {0x79, dst, kFrame, slot, 0};
  if (share < 90) return {0x7b, kFrame, src, slot, 0};
  const std::uint32_t which = choices.below(std::size(kJump));
  const auto off = static_cast<std::int16_t>(choices.below(std::min(left, 8u)));
  return which < 4 ? Insn{kJump[which], dst, 0, off, 7} : Insn{kJump[which], dst, src, off, 0};
}

std::vector<Insn> generate(std::uint32_t count) {
  std::vector<Insn> insns = start();
  Choices choices;
  while (insns.size() < count) {
    meet(insns);
    for (std::uint32_t left = kBlock; left != 0; --left) insns.push_back(next(choices, left));
  }
  meet(insns);
  insns.push_back({0x95, 0, 0, 0, 0});
  return insns;
}

void time_compile(benchmark::State& state, std::uint32_t count) {
  const std::vector<Insn> insns = generate(count);
  const Verdict verdict = verify(Program::from_insns(insns, ProgType::xdp).value());
  if (!verdict.ok()) return state.SkipWithError(verdict.explain().c_str());
  while (state.KeepRunningBatch(static_cast<benchmark::IterationCount>(insns.size())))
    benchmark::DoNotOptimize(Executable::build(*verdict.verified()).value());
}

}  // namespace

void register_compiles() {
  for (const std::uint32_t count : {500u, 5000u, 100000u})
    benchmark::RegisterBenchmark(("compile/an instruction of " + std::to_string(count)).c_str(),
                                 [count](benchmark::State& state) { time_compile(state, count); });
}

}  // namespace skep::bench
