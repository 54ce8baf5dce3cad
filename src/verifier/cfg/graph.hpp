// The program's shape, computed once before the walk: functions, edges, where paths may be compared, which registers
// live.
//
// build() refuses what no walk is needed for: code nobody reaches, jumps out of a function, a function that runs off
// its end, and (unprivileged) loops.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include <skep/insn.hpp>

#include "isa/table.hpp"
#include "verifier/diagnose/finding.hpp"

namespace skep::verifier {

/// One function: instructions [start, end).
struct Function {
  std::uint32_t start = 0, end = 0;
  bool has_tail_call = false;
  bool has_packet_load = false;    ///< ld_abs or ld_ind
  bool may_change_packet = false;  ///< calls, itself or further down, a helper that moves packet data
  bool is_callback = false;        ///< its address is taken
};

/// What is known of an instruction before any path is walked.
struct Place {
  isa::Form form{};
  bool prune_point = false;       ///< paths are compared here
  bool jump_target = false;       ///< some jump or call leads here
  bool force_checkpoint = false;  ///< … and always kept
  bool calls_back = false;        ///< a helper that runs a callback while it is called
  std::uint16_t live = 0;         ///< registers whose value some way on may use, before the instruction
  std::uint32_t function = 0;
};

class Graph {
 public:
  /// Reads checked instructions (isa::check). Linear in them, but for functions that call each other.
  [[nodiscard]] Objection build(std::span<const Insn> insns, bool allow_loops);

  [[nodiscard]] const Place& at(std::uint32_t pc) const noexcept { return places_[pc]; }
  [[nodiscard]] const std::vector<Function>& functions() const noexcept { return functions_; }
  /// The function that starts at `pc`.
  [[nodiscard]] std::uint32_t function_at(std::uint32_t pc) const noexcept { return places_[pc].function; }

 private:
  void decode(std::span<const Insn> insns);
  void find_functions(std::span<const Insn> insns);
  [[nodiscard]] Objection check_edges(std::span<const Insn> insns) const;
  [[nodiscard]] Objection visit(std::span<const Insn> insns, bool allow_loops);
  void mark_places(std::span<const Insn> insns);
  void summarise_calls(std::span<const Insn> insns);
  void find_live_registers(std::span<const Insn> insns);

  std::vector<Place> places_;
  std::vector<Function> functions_;
};

/// The ways on from an instruction: at most two, inside its function.
struct Successors {
  std::uint32_t count = 0;
  std::uint32_t pc[2] = {};
};
[[nodiscard]] Successors successors(const Insn& insn, const isa::FormInfo& info, std::uint32_t pc) noexcept;

}  // namespace skep::verifier
