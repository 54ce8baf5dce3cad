// Spills that Linux takes out again: around a call that keeps r1 to r5 in truth (bpf_fastcall), compilers save what
// they must for older kernels, in slots below all others of the function.
//
// Where nothing else touches those slots, the function's stack ends above them. This only says how much stack Linux
// counts: the spills are verified, and run, as they stand.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "verifier/cfg/graph.hpp"

namespace skep::verifier {

/// Bytes of stack by function.
struct StackUse {
  std::vector<std::uint32_t> bytes;    ///< touched by what is no such spill or fill
  std::vector<std::uint32_t> spilled;  ///< touched by these
};

class Fastcalls {
 public:
  void build(const Graph& graph, std::span<const Insn> insns);

  /// The instruction spills or fills around such a call.
  [[nodiscard]] bool is_spill(std::uint32_t pc) const noexcept { return !spills_.empty() && spills_[pc]; }
  /// What each function's frame counts.
  [[nodiscard]] std::vector<std::uint32_t> depths(const StackUse& use) const;

 private:
  struct Room {
    std::uint32_t above = 0;  ///< bytes of stack without the spills; 0: there are none
    bool kept = false;        ///< some call among them clobbers registers in truth
  };
  void match(const Graph& graph, std::span<const Insn> insns, std::uint32_t call, std::int32_t lowest, Room& room);

  std::vector<bool> spills_;  ///< by pc; empty: none
  std::vector<Room> rooms_;   ///< by function
};

}  // namespace skep::verifier
