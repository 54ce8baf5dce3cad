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

/// Immediates from which it follows that less is read of the destination.
struct Telling {
  std::int32_t first = 1, last = 0;
};
constexpr Telling telling_of(const Shape& shape) {
  using Limits = std::numeric_limits<std::int32_t>;
  if (shape.operands != Operands::dst_imm) return {};
  switch (shape.operation) {
    case Operation::and_:  // the upper half becomes 0
      return {0, Limits::max()};
    case Operation::or_:  // … becomes all ones
      return {Limits::min(), -1};
    case Operation::lsh_:
    case Operation::rsh_:
    case Operation::arsh_:
      return {32, Limits::max()};
    default:
      return {};
  }
}

enum class Kind : std::uint8_t {
  plain,  ///< reads the registers in its fields, writes the destination, and goes on
  store,  ///< … writes no register
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
      return Kind::plain;
    case Operands::store_imm:
    case Operands::store_src:
      return Kind::store;
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

struct Row {
  Kind kind = Kind::other;
  bool may_be_idle = false;  ///< see changes_nothing
  Telling telling;
  std::array<std::array<Uses, kWhole + 1>, 2>
      uses;  ///< for telling immediates the second; by what is read of the result
};

constexpr auto kRows = [] {
  std::array<Row, isa::kFormCount> rows;
  for (std::size_t form = 0; form < rows.size(); ++form) {
    const Shape& shape = shape_of(static_cast<isa::Form>(form));
    Row& row = rows[form];
    row.kind = kind_of(shape);
    row.may_be_idle =
        shape.operation == Operation::mov_ || shape.operation == Operation::movsx_ || shape.operation == Operation::le_;
    row.telling = telling_of(shape);
    for (Half result = kNone; result <= kWhole; ++result)
      for (const bool telling : {false, true}) row.uses[telling][result] = uses_of(shape, result, telling);
  }
  return rows;
}();

/// The operation leaves its destination as it is, as far as that is read.
bool changes_nothing(const Insn& insn, const Shape& shape, Half result) {
  const bool to_itself = shape.operands == Operands::dst_src && insn.dst == insn.src;
  const bool high = (result & kHigh) != 0;
  switch (shape.operation) {
    case Operation::mov_:
      return to_itself && (shape.width == 64 || !high);
    case Operation::movsx_:
      return to_itself && shape.fixed == 32 && !high;
    case Operation::le_:  // these machines are little-endian
      return shape.fixed == 64 || (shape.fixed == 32 && !high);
    default:  // something else
      return false;
  }
}

class Unread {
 public:
  Unread(const program::Program& program, SettledProgram& settled)
      : program_(program), settled_(settled), before_(settled.insns.size() + 1) {}

  void run() {
    if (settled_.goes_back) go_round();
    writes_down_ = true;
    (void)go_over();
  }

 private:
  /// Going backwards, what comes after is known but where a loop leads back. Where a hostile program jumps back without
  /// end, all is read.
  void go_round() {
    constexpr unsigned kRounds = 32, kAll = (1u << isa::kRegisters) - 1;
    is_loop_head_.assign(settled_.insns.size(), false);
    for (unsigned round = 0; round < kRounds; ++round)
      if (!go_over()) return;
    std::fill(before_.begin(), before_.end(), Halves::whole(kAll));
  }

  /// True when more turned out to be read where something leads back to.
  bool go_over() {
    bool more = false;
    for (auto pc = static_cast<std::uint32_t>(settled_.insns.size()); pc-- > 0;) {
      if (!settled_.at[pc].reached) continue;
      const isa::Form form = settled_.forms[pc];
      const Row& row = kRows[static_cast<std::size_t>(form)];
      const Halves before = row.kind == Kind::plain   ? before_plain(pc, row)
                            : row.kind == Kind::store ? before_store(pc, row)
                            : row.kind == Kind::jump  ? before_jump(pc, row)
                                                      : before_other(pc);
      if (!writes_down_ && is_loop_head_[pc] && before != before_[pc]) more = true;
      before_[pc] = before;
    }
    return more;
  }

  Halves before_plain(std::uint32_t pc, const Row& row) {
    const Insn& insn = settled_.insns[pc];
    Settled& settled = settled_.at[pc];
    Halves halves = before_[pc + 1];
    const Half result = halves.of(insn.dst);
    const bool is_number = settled.becomes == Becomes::number;
    const bool idle = row.may_be_idle && !is_number && changes_nothing(insn, shape_at(pc), result);
    if (writes_down_) write_down(settled, result, idle);
    if (idle) return halves;
    halves.remove(insn.dst, kWhole);
    if (is_number) return halves;
    const bool telling = insn.imm >= row.telling.first && insn.imm <= row.telling.last;
    const Uses& uses = row.uses[telling][result];
    halves.add(insn.dst, uses.dst);
    halves.add(insn.src, uses.src);
    return halves;
  }

  Halves before_store(std::uint32_t pc, const Row& row) const {
    const Insn& insn = settled_.insns[pc];
    Halves halves = before_[pc + 1];
    halves.add(insn.dst, row.uses[0][kNone].dst);
    halves.add(insn.src, row.uses[0][kNone].src);
    return halves;
  }

  Halves before_jump(std::uint32_t pc, const Row& row) {
    const Insn& insn = settled_.insns[pc];
    const Shape& shape = shape_at(pc);
    Settled& settled = settled_.at[pc];
    const bool decides = is_condition(shape) && settled.jumps && settled.falls_through;
    Halves halves;
    if (!is_condition(shape) || settled.jumps) halves |= before_[head_at_target(pc)];
    if (is_condition(shape) ? settled.falls_through : shape.operation == Operation::may_goto_)
      halves |= before_[pc + 1];
    if (decides) {
      halves.add(insn.dst, row.uses[0][kNone].dst);
      halves.add(insn.src, row.uses[0][kNone].src);
    }
    if (writes_down_ && is_condition(shape) && !settled.jumps) settled.becomes = Becomes::unread;
    return halves;
  }

  Halves before_other(std::uint32_t pc) {
    const Insn& insn = settled_.insns[pc];
    const Shape& shape = shape_at(pc);
    Settled& settled = settled_.at[pc];
    Halves halves = shape.operation == Operation::exit_ ? Halves{} : before_[pc + slots_of(shape)];
    const bool is_number = settled.becomes == Becomes::number;
    if (writes_down_ && (is_number || is_constant(pc, shape)))
      write_down(settled, halves.of(is_number && shape.operands == Operands::call_imm ? 0u : insn.dst), false);
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

  static void write_down(Settled& settled, Half result, bool idle) {
    settled.low_only = (result & kHigh) == 0;
    if (result == kNone)
      settled.becomes = Becomes::unread;
    else if (idle)
      settled.becomes = Becomes::as_before;
  }

  const program::Program& program_;
  SettledProgram& settled_;
  std::vector<Halves> before_;      // by pc; nothing is read past the end
  std::vector<bool> is_loop_head_;  // by pc; empty where nothing leads back
  bool writes_down_ = false;
};

}  // namespace

void find_unread(const program::Program& program, SettledProgram& settled) { Unread(program, settled).run(); }

}  // namespace skep::lower
