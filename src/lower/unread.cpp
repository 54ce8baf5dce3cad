// Liveness of register halves, with what is not run left out: an instruction reads nothing while nobody reads its
// result. Sets start empty and only grow, until nothing changes.
//
// What an instruction reads is what the engines look at: of 32-bit operations the lower halves; of 64-bit ones whose
// lower half depends on lower halves only, as much as is read of the result. A table has it, form by form.
#include "lower/unread.hpp"

#include <algorithm>
#include <array>
#include <limits>

#include "abi/helper.hpp"
#include "isa/table.hpp"
#include "lower/rows.hpp"

namespace skep::lower {
namespace {

using isa::Operands;
using isa::Operation;

/// Halves of one register: bits.
using Half = std::uint8_t;
constexpr Half kNone = 0, kLow = 1, kHigh = 2, kWhole = kLow | kHigh;

/// Halves of all registers.
class Halves {
 public:
  /// Of registers that are bits.
  [[nodiscard]] static constexpr Halves whole(unsigned regs) noexcept {
    Halves halves;
    for (unsigned reg = 0; reg < isa::kRegisters; ++reg)
      if ((regs >> reg & 1) != 0) halves.add(reg, kWhole);
    return halves;
  }
  [[nodiscard]] constexpr Half of(unsigned reg) const noexcept { return bits_ >> 2 * reg & kWhole; }
  constexpr void add(unsigned reg, Half half) noexcept { bits_ |= std::uint32_t{half} << 2 * reg; }
  constexpr void remove(unsigned reg, Half half) noexcept { bits_ &= ~(std::uint32_t{half} << 2 * reg); }
  constexpr Halves& operator|=(const Halves& other) noexcept {
    bits_ |= other.bits_;
    return *this;
  }
  constexpr Halves& operator&=(const Halves& other) noexcept {
    bits_ &= other.bits_;
    return *this;
  }
  constexpr Halves& operator-=(const Halves& other) noexcept {
    bits_ &= ~other.bits_;
    return *this;
  }
  bool operator==(const Halves&) const noexcept = default;

 private:
  std::uint32_t bits_ = 0;  // two a register
};

/// What is read of the registers in the fields.
struct Uses {
  Half dst = kNone, src = kNone;
};

/// Of a 64-bit operation, given what is read of its result.
constexpr Uses uses_of_wide(const Shape& shape, Half result, bool telling) {
  // Carries run upwards only.
  const Half from_below = kLow | (result & kHigh);
  switch (shape.operation) {
    using enum Operation;
    case mov_:
      return {kNone, result};
    case movsx_:
      return {kNone, kLow};
    case and_:
    case or_:
      return {telling ? static_cast<Half>(result & kLow) : result, result};
    case xor_:
      return {result, result};
    case add_:
    case sub_:
    case mul_:
    case neg_:
      return {from_below, from_below};
    case lsh_:
      return {telling ? kLow : from_below, kLow};
    case rsh_:
    case arsh_:
      return {telling ? kHigh : kWhole, kLow};
    default:  // divisions, and what may come
      return {kWhole, kWhole};
  }
}

constexpr Uses uses_of_computation(const Shape& shape, Half result, bool telling) {
  if (result == kNone) return {};
  if (shape.fixed != 0 && shape.operands == Operands::dst) return {shape.fixed == 64 ? kWhole : kLow, kNone};
  const bool copies = shape.operation == Operation::mov_ || shape.operation == Operation::movsx_;
  Uses uses{copies ? kNone : kLow, kLow};
  if (shape.width == 64) uses = uses_of_wide(shape, result, telling);
  if (shape.operands != Operands::dst_src) uses.src = kNone;
  return uses;
}

constexpr Uses uses_of(const Shape& shape, Half result, bool telling) {
  const Half operand = shape.width == 64 ? kWhole : kLow;
  switch (shape.operands) {
    case Operands::dst:
    case Operands::dst_imm:
    case Operands::dst_src:
      return uses_of_computation(shape, result, telling);
    case Operands::load:
      return {kNone, result == kNone ? kNone : kWhole};
    case Operands::store_imm:
      return {kWhole, kNone};
    case Operands::store_src:
      return {kWhole, operand};
    case Operands::compare_imm:
      return {operand, kNone};
    case Operands::compare_src:
      return {operand, operand};
    case Operands::none:
    case Operands::dst_src_imm:
    case Operands::jump_off:
    case Operands::jump_imm:
    case Operands::call_imm:
    case Operands::call_pc:
    case Operands::atomic:
    case Operands::lddw:
    case Operands::packet_abs:
    case Operands::packet_ind:
      return {};
  }
  return {};
}

/// Immediates from which it follows that less is read of the destination: so many from the first on.
struct Telling {
  std::int32_t first = 0;
  std::uint32_t count = 0;

  [[nodiscard]] constexpr bool holds(std::int32_t imm) const noexcept {
    return static_cast<std::uint32_t>(imm) - static_cast<std::uint32_t>(first) < count;
  }
};
constexpr Telling telling_of(const Shape& shape) {
  constexpr std::uint32_t kHalf = std::uint32_t{1} << 31;
  if (shape.operands != Operands::dst_imm) return {};
  switch (shape.operation) {
    case Operation::and_:  // from 0 on: the upper half becomes 0
      return {0, kHalf};
    case Operation::or_:  // below 0: … becomes all ones
      return {std::numeric_limits<std::int32_t>::min(), kHalf};
    case Operation::lsh_:
    case Operation::rsh_:
    case Operation::arsh_:
      return {32, kHalf - 32};
    default:
      return {};
  }
}

enum class Kind : std::uint8_t {
  plain,  ///< reads the registers in its fields, writes the destination or nothing, and goes on
  jump,   ///< … may go elsewhere
  other,
};

constexpr Kind kind_of(const Shape& shape) {
  switch (shape.operands) {
    case Operands::dst:
      return shape.operation == Operation::call_ ? Kind::other : Kind::plain;
    case Operands::dst_imm:
    case Operands::dst_src:
    case Operands::load:
    case Operands::store_imm:
    case Operands::store_src:
      return Kind::plain;
    case Operands::jump_off:
    case Operands::jump_imm:
    case Operands::compare_imm:
    case Operands::compare_src:
      return Kind::jump;
    case Operands::none:
    case Operands::dst_src_imm:
    case Operands::call_imm:
    case Operands::call_pc:
    case Operands::atomic:
    case Operands::lddw:
    case Operands::packet_abs:
    case Operands::packet_ind:
      return Kind::other;
  }
  return Kind::other;
}

/// The operation leaves its destination as it is, as far as that is read.
constexpr bool changes_nothing(const Shape& shape, Half result, bool to_itself) {
  const bool copies = shape.operands == Operands::dst_src && to_itself, high = (result & kHigh) != 0;
  switch (shape.operation) {
    case Operation::mov_:
      return copies && (shape.width == 64 || !high);
    case Operation::movsx_:
      return copies && shape.fixed == 32 && !high;
    case Operation::le_:  // these machines are little-endian
      return shape.fixed == 64 || (shape.fixed == 32 && !high);
    default:  // something else
      return false;
  }
}

/// What a plain instruction comes to, and what is read before it.
struct Act {
  Half clears = kNone;  ///< of the destination: it is read no more
  Uses reads;
  Becomes becomes = Becomes::itself;
};

/// What that depends on, as a number: what is read of the result, whether its immediate is telling, whether it names
/// one register twice, and whether it is a number.
constexpr std::size_t kActs = 32;
constexpr std::size_t act_index(Half result, bool telling, bool to_itself, bool number) noexcept {
  return result | std::size_t{telling} << 2 | std::size_t{to_itself} << 3 | std::size_t{number} << 4;
}

constexpr Act act_of(const Shape& shape, Half result, bool telling, bool to_itself, bool number) {
  if ((shape.writes & isa::regs::D) == 0) return {kNone, uses_of(shape, result, telling), Becomes::itself};
  if (result == kNone) return {kWhole, number ? Uses{} : uses_of(shape, result, telling), Becomes::unread};
  if (number) return {kWhole, {}, Becomes::number};
  if (changes_nothing(shape, result, to_itself)) return {kNone, {}, Becomes::as_before};
  return {kWhole, uses_of(shape, result, telling), Becomes::itself};
}

struct Row {
  Kind kind = Kind::other;
  Telling telling;
  std::array<Act, kActs> acts;
};

constexpr auto kRows = [] {
  std::array<Row, isa::kFormCount> rows;
  for (std::size_t form = 0; form < rows.size(); ++form) {
    const Shape& shape = shape_of(static_cast<isa::Form>(form));
    Row& row = rows[form];
    row.kind = kind_of(shape);
    row.telling = telling_of(shape);
    for (Half result = kNone; result <= kWhole; ++result)
      for (const bool telling : {false, true})
        for (const bool to_itself : {false, true})
          for (const bool number : {false, true})
            row.acts[act_index(result, telling, to_itself, number)] = act_of(shape, result, telling, to_itself, number);
  }
  return rows;
}();

class Unread {
 public:
  Unread(const program::Program& program, SettledProgram& settled)
      : program_(program), settled_(settled), before_(settled.insns.size() + 1) {}

  void run() {
    if (settled_.goes_back) go_round();
    (void)go_over<true>();
  }

 private:
  /// Going backwards, what comes after is known but where a loop leads back. Where a hostile program jumps back without
  /// end, all is read.
  void go_round() {
    constexpr unsigned kRounds = 32, kAll = (1u << isa::kRegisters) - 1;
    is_loop_head_.assign(settled_.insns.size(), false);
    for (unsigned round = 0; round < kRounds; ++round)
      if (!go_over<false>()) return;
    std::fill(before_.begin(), before_.end(), Halves::whole(kAll));
  }

  /// True when more turned out to be read where something leads back to.
  template <bool kWritesDown>
  bool go_over() {
    bool more = false;
    Halves after;
    for (auto pc = static_cast<std::uint32_t>(settled_.insns.size()); pc-- > 0; after = before_[pc]) {
      if (!settled_.at[pc].reached) continue;
      const Row& row = kRows[static_cast<std::size_t>(settled_.forms[pc])];
      const Halves before = row.kind == Kind::plain  ? before_plain<kWritesDown>(pc, row, after)
                            : row.kind == Kind::jump ? before_jump<kWritesDown>(pc, row, after)
                                                     : before_other<kWritesDown>(pc);
      if (!kWritesDown && is_loop_head_[pc] && before != before_[pc]) more = true;
      before_[pc] = before;
    }
    return more;
  }

  /// Most are of this kind, in no order that a processor could foresee: nothing branches here.
  template <bool kWritesDown>
  Halves before_plain(std::uint32_t pc, const Row& row, Halves halves) {
    const Insn insn = settled_.insns[pc];
    Settled& settled = settled_.at[pc];
    const Half result = halves.of(insn.dst);
    const bool is_number = settled.becomes == Becomes::number;
    const Act& act = row.acts[act_index(result, row.telling.holds(insn.imm), insn.dst == insn.src, is_number)];
    if (kWritesDown) {
      settled.low_only = (result & kHigh) == 0;
      settled.becomes = act.becomes;
    }
    halves.remove(insn.dst, act.clears);
    halves.add(insn.dst, act.reads.dst);
    halves.add(insn.src, act.reads.src);
    return halves;
  }

  template <bool kWritesDown>
  Halves before_jump(std::uint32_t pc, const Row& row, const Halves& after) {
    const Insn& insn = settled_.insns[pc];
    const Shape& shape = shape_at(pc);
    Settled& settled = settled_.at[pc];
    const bool decides = is_condition(shape) && settled.jumps && settled.falls_through;
    Halves halves;
    if (!is_condition(shape) || settled.jumps) halves |= before_[head_at_target(pc)];
    if (is_condition(shape) ? settled.falls_through : shape.operation == Operation::may_goto_) halves |= after;
    if (decides) {
      halves.add(insn.dst, row.acts[0].reads.dst);
      halves.add(insn.src, row.acts[0].reads.src);
    }
    if (kWritesDown && is_condition(shape) && !settled.jumps) settled.becomes = Becomes::unread;
    return halves;
  }

  template <bool kWritesDown>
  Halves before_other(std::uint32_t pc) {
    const Insn& insn = settled_.insns[pc];
    const Shape& shape = shape_at(pc);
    Settled& settled = settled_.at[pc];
    Halves halves = shape.operation == Operation::exit_ ? Halves{} : before_[pc + slots_of(shape)];
    const bool is_number = settled.becomes == Becomes::number;
    if (kWritesDown && (is_number || is_constant(pc, shape)))
      write_down(settled, halves.of(is_number && shape.operands == Operands::call_imm ? 0u : insn.dst));
    if (is_number && shape.operands == Operands::call_imm) {
      halves.remove(0, kWhole);
      return halves;
    }
    halves -= Halves::whole(isa::registers_of(shape.writes, insn.dst, insn.src));
    halves |= reads(pc, insn, shape);
    return halves;
  }

  [[nodiscard]] const Shape& shape_at(std::uint32_t pc) const { return shape_of(settled_.forms[pc]); }

  /// Where the instruction leads to, noted when that is back.
  std::uint32_t head_at_target(std::uint32_t pc) {
    const std::uint32_t target = target_of(settled_.insns[pc], shape_at(pc), pc);
    if (target <= pc) is_loop_head_[target] = true;
    return target;
  }

  /// It loads a constant without doing anything else.
  [[nodiscard]] bool is_constant(std::uint32_t pc, const Shape& shape) const {
    using enum Operation;
    const bool plain = shape.operation == lddw_imm_ || shape.operation == lddw_map_ ||
                       shape.operation == lddw_map_value_ || shape.operation == lddw_map_idx_ ||
                       shape.operation == lddw_map_idx_value_;
    return plain && program_.kfunc_at(pc) == nullptr;
  }

  [[nodiscard]] Halves reads(std::uint32_t pc, const Insn& insn, const Shape& shape) {
    if (shape.operands == Operands::call_imm) return Halves::whole(arguments_of(pc, insn));
    if (shape.operands == Operands::call_pc) {
      Halves arguments = before_[head_at_target(pc)];
      arguments &= Halves::whole(isa::kArgumentRegisters);
      return arguments;
    }
    return Halves::whole(isa::registers_of(shape.reads, insn.dst, insn.src));
  }

  [[nodiscard]] std::uint16_t arguments_of(std::uint32_t pc, const Insn& insn) const {
    const bool kernel_function = insn.src != 0 || program_.kfunc_at(pc) != nullptr;
    const abi::Helper* helper = kernel_function
                                    ? nullptr
                                    : abi::find_helper(static_cast<std::uint32_t>(insn.imm), program_.type,
                                                       static_cast<abi::AttachType>(program_.expected_attach_type));
    return helper == nullptr ? isa::kArgumentRegisters : abi::argument_registers(*helper);
  }

  static void write_down(Settled& settled, Half result) {
    settled.low_only = (result & kHigh) == 0;
    if (result == kNone) settled.becomes = Becomes::unread;
  }

  const program::Program& program_;
  SettledProgram& settled_;
  std::vector<Halves> before_;      // by pc; nothing is read past the end
  std::vector<bool> is_loop_head_;  // by pc; empty where nothing leads back
};

}  // namespace

void find_unread(const program::Program& program, SettledProgram& settled) { Unread(program, settled).run(); }

}  // namespace skep::lower
