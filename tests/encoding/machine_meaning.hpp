// What decoded instructions do, as paths. One table of mnemonics for each processor: an instruction that is not in it
// has no business in what an operation became.
#pragma once

#include <functional>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "encoding/path.hpp"

namespace skep::encoding {

enum class Processor : std::uint8_t { x64, a64 };

/// A path that is being walked.
struct Walk {
  Path path;
  std::size_t next = 0;  ///< index of an instruction
  // What the flags were set by: "cmp" or "test", "" by nothing that is followed.
  std::string flags;
  unsigned flags_width = 64;
  Term flags_a = 0;
  Term flags_b = 0;
};

/// What walks share, for the tables of mnemonics.
class Machine {
 public:
  Machine(Terms& terms, Processor processor) : terms_(terms), processor_(processor) {}

  /// All paths through `insns`, whose first byte is at offset `from` of the code and that end before `end`. A branch to
  /// where `is_detour` says so, or back, is not followed: what is rarely run comes back to what goes on here; without
  /// `is_detour` there may be none. Nothing when an instruction means nothing; then wrong() says which.
  [[nodiscard]] std::optional<std::vector<Path>> paths(std::span<const Decoded> insns, std::uint32_t from,
                                                       std::uint32_t end,
                                                       const std::function<bool(std::int64_t)>& is_detour);
  [[nodiscard]] const std::string& wrong() const noexcept { return wrong_; }

  // For the tables.
  [[nodiscard]] Terms& terms() noexcept { return terms_; }
  void fail(const Decoded& insn, std::string_view why);
  /// A register or an immediate, cut to its width, shifted.
  [[nodiscard]] Term value(const Walk& walk, const Operand& operand);
  /// The address, without looking there.
  [[nodiscard]] Term address(const Walk& walk, const Operand& operand);
  /// The state of the run and C's stack are nothing that a program sees.
  [[nodiscard]] static bool is_private(const Operand& operand) {
    return operand.base == kMachine || operand.base == kStackPointer;
  }
  /// In the program's own frame.
  [[nodiscard]] static bool is_frame(const Operand& operand) {
    constexpr std::int64_t kBytes = 512;
    return operand.base == kFramePointer && operand.index == kNoRegister && operand.imm < 0 && operand.imm >= -kBytes;
  }
  /// Words on C's stack, at its pointer.
  void push(Walk& walk, Term value);
  [[nodiscard]] Term pop(Walk& walk, const Decoded& insn);
  Term load(Walk& walk, const Operand& operand, unsigned bytes, std::string_view name = "load");
  void store(Walk& walk, const Operand& operand, unsigned bytes, Term value, std::string_view name = "store");
  void set(Walk& walk, const Operand& operand, Term value);
  static void compare(Walk& walk, std::string_view flags, unsigned width, Term a, Term b);
  /// The walk goes on as two: one where the condition (of the flags) holds, with `taken` done to it.
  void fork(Walk& walk, const Decoded& insn, std::string_view condition, const std::function<void(Walk&)>& taken);

 private:
  [[nodiscard]] Condition of_flags(const Walk& walk, const Decoded& insn, std::string_view condition);
  /// True when it was a jump or a branch.
  bool jump(Walk& walk, const Decoded& insn);
  void follow(Walk walk, std::int64_t target);

  Terms& terms_;
  Processor processor_;
  std::string wrong_;
  std::span<const Decoded> insns_;
  std::uint32_t from_ = 0;
  std::uint32_t end_ = 0;
  const std::function<bool(std::int64_t)>* is_detour_ = nullptr;
  [[nodiscard]] static Term* kept_at(Walk& walk, Term address);
  static void keep(Walk& walk, Term address, Term value);

  std::vector<Walk> open_;
  std::vector<Path> done_;
};

/// One instruction that is no jump. False when it is not in the table.
bool run_x64(Machine& machine, Walk& walk, const Decoded& insn);
bool run_a64(Machine& machine, Walk& walk, const Decoded& insn);

/// "e", "hs": the condition of both tables' names; empty when it is none.
[[nodiscard]] std::string_view condition_named(std::string_view suffix);

}  // namespace skep::encoding
