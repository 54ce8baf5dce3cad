// Liveness of register halves, with what is not run left out: an instruction reads nothing while nobody reads its
// result. Sets start empty and only grow, until nothing changes.
//
// What an instruction reads is what the engines look at: of 32-bit operations the lower halves; of 64-bit ones whose
// lower half depends on lower halves only, as much as is read of the result.
#include "lower/unread.hpp"

#include <algorithm>

#include "abi/helper.hpp"
#include "isa/table.hpp"
#include "lower/rows.hpp"
#include "verifier/cfg/graph.hpp"

namespace skep::lower {
namespace {

using isa::FormInfo;
using isa::Operands;
using isa::Operation;

constexpr std::uint16_t kAll = (1u << isa::kRegisters) - 1;

constexpr std::uint16_t bit(unsigned reg) { return static_cast<std::uint16_t>(1u << reg); }

/// Halves of registers.
struct Halves {
  std::uint16_t low = 0, high = 0;

  [[nodiscard]] static constexpr Halves whole(std::uint16_t regs) noexcept { return {regs, regs}; }
  [[nodiscard]] constexpr Halves of(std::uint16_t regs) const noexcept {
    return {static_cast<std::uint16_t>(low & regs), static_cast<std::uint16_t>(high & regs)};
  }
  [[nodiscard]] constexpr Halves without(std::uint16_t regs) const noexcept {
    return of(static_cast<std::uint16_t>(~regs));
  }
  [[nodiscard]] constexpr bool empty() const noexcept { return (low | high) == 0; }
  constexpr Halves& operator|=(const Halves& other) noexcept {
    low |= other.low;
    high |= other.high;
    return *this;
  }
  bool operator==(const Halves&) const noexcept = default;
};

/// What is read of an operand: of the lower and of the upper half.
struct Use {
  bool low = false, high = false;

  [[nodiscard]] constexpr Halves of(unsigned reg) const noexcept {
    return {low ? bit(reg) : std::uint16_t{0}, high ? bit(reg) : std::uint16_t{0}};
  }
};
constexpr Use kNone{}, kLow{true, false}, kWhole{true, true};

struct Uses {
  Use dst, src;
};

/// Of a 64-bit operation, given what is read of its result.
Uses uses_of_wide(const Insn& insn, const FormInfo& info, Use result) {
  const bool imm = info.operands == Operands::dst_imm;
  // Carries run upwards only.
  const Use from_below{true, result.high};
  switch (info.operation) {
    using enum Operation;
    case mov_:
      return {kNone, result};
    case movsx_:
      return {kNone, kLow};
    case and_:
      return {imm && insn.imm >= 0 ? Use{result.low, false} : result, result};
    case or_:
      return {imm && insn.imm < 0 ? Use{result.low, false} : result, result};
    case xor_:
      return {result, result};
    case add_:
    case sub_:
    case mul_:
    case neg_:
      return {from_below, from_below};
    case lsh_:
      if (imm && insn.imm >= 32) return {kLow, kNone};
      return {from_below, kLow};
    case rsh_:
    case arsh_:
      if (imm && insn.imm >= 32) return {{false, true}, kNone};
      return {kWhole, kLow};
    default:  // divisions, and what may come
      return {kWhole, kWhole};
  }
}

Uses uses_of(const Insn& insn, const FormInfo& info, Use result) {
  const bool orders_bytes =
      info.operation == Operation::le_ || info.operation == Operation::be_ || info.operation == Operation::bswap_;
  if (orders_bytes) return {insn.imm == 64 ? kWhole : kLow, kNone};
  if (info.width() == 64) return uses_of_wide(insn, info, result);
  const bool copies = info.operation == Operation::mov_ || info.operation == Operation::movsx_;
  return {copies ? kNone : kLow, kLow};
}

/// The operation leaves its destination as it is, as far as that is read.
bool changes_nothing(const Insn& insn, const FormInfo& info, Use result) {
  const bool to_itself = info.operands == Operands::dst_src && insn.dst == insn.src;
  switch (info.operation) {
    case Operation::mov_:
      return to_itself && (info.width() == 64 || !result.high);
    case Operation::movsx_:
      return to_itself && insn.off == 32 && !result.high;
    case Operation::le_:  // these machines are little-endian
      return insn.imm == 64 || (insn.imm == 32 && !result.high);
    default:  // something else
      return false;
  }
}

class Unread {
 public:
  Unread(const program::Program& program, SettledProgram& settled)
      : program_(program),
        settled_(settled),
        rows_(rows_of(settled.insns)),
        before_(settled.insns.size()),
        is_loop_head_(settled.insns.size()) {}

  void run() {
    find_loop_heads();
    // Going backwards, what comes after is known but where a loop leads back. Where a hostile program jumps back
    // without end, all is read.
    constexpr unsigned kRounds = 32;
    bool again = true;
    for (unsigned round = 0; again; ++round) {
      if (round == kRounds) {
        std::fill(before_.begin(), before_.end(), Halves::whole(kAll));
        break;
      }
      again = false;
      for (auto pc = static_cast<std::uint32_t>(before_.size()); pc-- > 0;) {
        if (!settled_.at[pc].reached) continue;
        const Halves before = before_of(pc, after(pc));
        again = again || (is_loop_head_[pc] && before != before_[pc]);
        before_[pc] = before;
      }
    }
    for (std::uint32_t pc = 0; pc < before_.size(); ++pc)
      if (settled_.at[pc].reached) write_down(pc);
  }

 private:
  [[nodiscard]] const FormInfo& form_at(std::uint32_t pc) const { return *rows_[pc]; }
  [[nodiscard]] static bool is_condition(const FormInfo& info) {
    return info.operands == Operands::compare_imm || info.operands == Operands::compare_src;
  }
  [[nodiscard]] std::uint32_t target_of(std::uint32_t pc, const FormInfo& info) const {
    return static_cast<std::uint32_t>(isa::jump_target(settled_.insns[pc], info, pc));
  }

  void find_loop_heads() {
    for (std::uint32_t pc = 0; pc < rows_.size(); ++pc) {
      if (!settled_.at[pc].reached || !form_at(pc).has_target()) continue;
      const std::uint32_t target = target_of(pc, form_at(pc));
      if (target <= pc) is_loop_head_[target] = true;
    }
  }

  [[nodiscard]] Halves after(std::uint32_t pc) const {
    const FormInfo& info = form_at(pc);
    const verifier::Successors ways = verifier::successors(settled_.insns[pc], info, pc);
    Halves halves;
    for (std::uint32_t i = 0; i < ways.count; ++i) {
      const bool jumps = i == 1;
      const Settled& settled = settled_.at[pc];
      if (!is_condition(info) || (jumps ? settled.jumps : settled.falls_through)) halves |= before_[ways.pc[i]];
    }
    return halves;
  }

  /// The one register that an instruction writes without doing anything else; none for most.
  [[nodiscard]] std::uint16_t only_result(std::uint32_t pc, const FormInfo& info) const {
    const Insn& insn = settled_.insns[pc];
    const bool number = settled_.at[pc].becomes == Becomes::number;
    switch (info.operands) {
      case Operands::dst:
        return info.operation == Operation::call_ ? std::uint16_t{0} : bit(insn.dst);
      case Operands::dst_imm:
      case Operands::dst_src:
      case Operands::load:
        return bit(insn.dst);
      case Operands::lddw: {
        using enum Operation;
        const bool plain = info.operation == lddw_imm_ || info.operation == lddw_map_ ||
                           info.operation == lddw_map_value_ || info.operation == lddw_map_idx_ ||
                           info.operation == lddw_map_idx_value_;
        return plain && program_.kfunc_at(pc) == nullptr ? bit(insn.dst) : std::uint16_t{0};
      }
      case Operands::call_imm:
        return number ? bit(0) : std::uint16_t{0};
      case Operands::none:
      case Operands::dst_src_imm:
      case Operands::jump_off:
      case Operands::jump_imm:
      case Operands::compare_imm:
      case Operands::compare_src:
      case Operands::call_pc:
      case Operands::store_imm:
      case Operands::store_src:
      case Operands::atomic:
      case Operands::packet_abs:
      case Operands::packet_ind:
        return 0;
    }
    return 0;
  }

  [[nodiscard]] Halves before_of(std::uint32_t pc, const Halves& after) const {
    const Insn& insn = settled_.insns[pc];
    const FormInfo& info = form_at(pc);
    if (const std::uint16_t result = only_result(pc, info)) {
      const Halves read = after.of(result);
      Halves before = after.without(result);
      if (!read.empty()) before |= operands_of(pc, insn, info, {read.low != 0, read.high != 0}, read);
      return before;
    }
    Halves before = after.without(writes(insn, info));
    before |= reads(pc, insn, info);
    return before;
  }

  /// What an instruction with a result reads, given what is read of that.
  [[nodiscard]] Halves operands_of(std::uint32_t pc, const Insn& insn, const FormInfo& info, Use result,
                                   const Halves& read) const {
    if (settled_.at[pc].becomes == Becomes::number || info.operands == Operands::lddw) return {};
    if (info.operands == Operands::load) return Halves::whole(bit(insn.src));
    if (changes_nothing(insn, info, result)) return read;
    const Uses uses = uses_of(insn, info, result);
    Halves halves = uses.dst.of(insn.dst);
    if (info.operands == Operands::dst_src) halves |= uses.src.of(insn.src);
    return halves;
  }

  static std::uint16_t writes(const Insn& insn, const FormInfo& info) {
    return isa::registers_of(info.writes, insn.dst, insn.src);
  }

  [[nodiscard]] Halves reads(std::uint32_t pc, const Insn& insn, const FormInfo& info) const {
    switch (info.operands) {
      case Operands::compare_imm:
      case Operands::compare_src: {
        const Settled& settled = settled_.at[pc];
        if (!settled.jumps || !settled.falls_through) return {};
        const Use use = info.width() == 64 ? kWhole : kLow;
        Halves halves = use.of(insn.dst);
        if (info.operands == Operands::compare_src) halves |= use.of(insn.src);
        return halves;
      }
      case Operands::store_imm:
        return Halves::whole(bit(insn.dst));
      case Operands::store_src: {
        Halves halves = Halves::whole(bit(insn.dst));
        halves |= (info.width() == 64 ? kWhole : kLow).of(insn.src);
        return halves;
      }
      case Operands::call_imm:
        return Halves::whole(arguments_of(pc, insn));
      case Operands::call_pc:
        return before_[target_of(pc, info)].of(isa::kArgumentRegisters);
      case Operands::none:
        return Halves::whole(bit(0));
      case Operands::dst:
      case Operands::dst_imm:
      case Operands::dst_src:
      case Operands::dst_src_imm:
      case Operands::load:
      case Operands::atomic:
      case Operands::lddw:
      case Operands::jump_off:
      case Operands::jump_imm:
      case Operands::packet_abs:
      case Operands::packet_ind:
        break;
    }
    return Halves::whole(isa::registers_of(info.reads, insn.dst, insn.src));
  }

  [[nodiscard]] std::uint16_t arguments_of(std::uint32_t pc, const Insn& insn) const {
    const bool kernel_function = insn.src != 0 || program_.kfunc_at(pc) != nullptr;
    const abi::Helper* helper = kernel_function
                                    ? nullptr
                                    : abi::find_helper(static_cast<std::uint32_t>(insn.imm), program_.type,
                                                       static_cast<abi::AttachType>(program_.expected_attach_type));
    return helper == nullptr ? isa::kArgumentRegisters : abi::argument_registers(*helper);
  }

  void write_down(std::uint32_t pc) {
    Settled& settled = settled_.at[pc];
    const FormInfo& info = form_at(pc);
    if (is_condition(info) && !settled.jumps) settled.becomes = Becomes::unread;
    const std::uint16_t result = only_result(pc, info);
    if (result == 0) return;
    const Halves read = after(pc).of(result);
    settled.low_only = read.high == 0;
    if (read.empty())
      settled.becomes = Becomes::unread;
    else if (settled.becomes == Becomes::itself &&
             changes_nothing(settled_.insns[pc], info, {read.low != 0, read.high != 0}))
      settled.becomes = Becomes::as_before;
  }

  const program::Program& program_;
  SettledProgram& settled_;
  const std::vector<const FormInfo*> rows_;
  std::vector<Halves> before_;      // by pc
  std::vector<bool> is_loop_head_;  // by pc
};

}  // namespace

void find_unread(const program::Program& program, SettledProgram& settled) { Unread(program, settled).run(); }

}  // namespace skep::lower
