// What makes two runs of a program comparable: a host that answers alike, and a word on what differs all the same.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <random>
#include <span>

#include <skep/host.hpp>
#include <skep/insn.hpp>

namespace skep::test {

/// Answers the same, in the same order, after each start().
class StillHost final : public Host {
 public:
  void start(std::uint64_t seed) { random_.seed(seed); }
  std::uint64_t now_ns(Clock) noexcept override { return random_(); }
  std::uint64_t jiffies() noexcept override { return random_(); }
  std::uint32_t random_u32() noexcept override { return static_cast<std::uint32_t>(random_()); }
  Task task() noexcept override { return {.tgid = 1, .pid = 2, .uid = 3, .gid = 4, .comm = {'t', 'r', 'y'}}; }
  unsigned cpu_count() noexcept override { return 2; }
  unsigned acquire_cpu() noexcept override { return 1; }
  void release_cpu(unsigned) noexcept override {}
  unsigned numa_node(unsigned) noexcept override { return 0; }
  bool read_memory(MemorySpace, std::uint64_t, std::span<std::byte>) noexcept override { return false; }
  void trace(const TraceLine&) noexcept override {}

 private:
  std::minstd_rand random_;
};

/// A fresh ring-buffer record holds what was there before: of another run.
inline bool sees_records(std::span<const Insn> insns) {
  constexpr std::uint8_t kCall = 0x85;
  constexpr std::int32_t kReserve = 131;
  return std::ranges::any_of(
      insns, [](const Insn& insn) { return insn.opcode == kCall && insn.src == 0 && insn.imm == kReserve; });
}

}  // namespace skep::test
