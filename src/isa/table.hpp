// The instruction table as values: what insns.inc says, for decoding, printing, assembling, lowering and proving.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

#include <skep/error.hpp>
#include <skep/insn.hpp>

namespace skep::isa {

inline constexpr unsigned kRegisters = 11;  ///< r0 to r10
inline constexpr unsigned kFramePointer = 10;

/// One enumerator a row of insns.inc.
enum class Form : std::uint8_t {
#define SKEP_INSN(form, ...) form,
#include "isa/insns.inc"
};
inline constexpr unsigned kFormCount = 0
#define SKEP_INSN(...) +1
#include "isa/insns.inc"
    ;

// clang-format off
/// What an instruction computes, whatever its width, size and operand kind.
enum class Operation : std::uint8_t {
  add_, sub_, mul_, div_, sdiv_, or_, and_, lsh_, rsh_, neg_, mod_, smod_, xor_, mov_, movsx_, arsh_,
  addr_space_cast_, le_, be_, bswap_,
  ja_, may_goto_, jeq_, jgt_, jge_, jset_, jne_, jsgt_, jsge_, jlt_, jle_, jslt_, jsle_, call_, exit_,
  load_, load_signed_, store_,
  atomic_add_, atomic_or_, atomic_and_, atomic_xor_, atomic_fetch_add_, atomic_fetch_or_, atomic_fetch_and_,
  atomic_fetch_xor_, atomic_xchg_, atomic_cmpxchg_, load_acquire_, store_release_,
  lddw_imm_, lddw_map_, lddw_map_value_, lddw_var_, lddw_func_, lddw_map_idx_, lddw_map_idx_value_,
  ld_abs_, ld_ind_,
};
// clang-format on

/// Which fields carry operands.
enum class Operands : std::uint8_t {
  none,  ///< exit
  dst,   ///< neg, byte order, callx
  dst_imm,
  dst_src,
  dst_src_imm,  ///< addr_space_cast
  jump_off,     ///< target in off
  jump_imm,     ///< target in imm
  compare_imm,  ///< dst, imm; target in off
  compare_src,  ///< dst, src; target in off
  call_imm,     ///< helper or kfunc id in imm
  call_pc,      ///< relative pc in imm
  load,         ///< dst, [src + off]
  store_imm,    ///< [dst + off], imm
  store_src,    ///< [dst + off], src
  atomic,       ///< [dst + off], src
  lddw,         ///< dst, 64-bit constant in imm and the next slot's imm
  packet_abs,   ///< imm
  packet_ind,   ///< src + imm
};

/// A load, a store or an atomic: it touches memory at a register plus off.
[[nodiscard]] constexpr bool accesses_memory(Operands operands) noexcept {
  return operands == Operands::load || operands == Operands::store_imm || operands == Operands::store_src ||
         operands == Operands::atomic;
}

/// Conformance groups of RFC 9669 section 2.4.
enum class Group : std::uint8_t { base32, base64, divmul32, divmul64, atomic32, atomic64, packet, linux_ };

/// Register sets of the reads and writes columns. Bits.
namespace regs {
inline constexpr std::uint8_t D = 1, S = 2, R0 = 4, R6 = 8, R15 = 16, R05 = 32;
}

/// Registers bit by register: r1 to r5, and what calls do not preserve, r0 to r5.
inline constexpr std::uint16_t kArgumentRegisters = 0b111110;
inline constexpr std::uint16_t kCallerSaved = 0b111111;

namespace detail {
/// By the bits above D and S.
inline constexpr std::array<std::uint16_t, 16> kNamedRegisters = [] {
  std::array<std::uint16_t, 16> named{};
  for (unsigned sets = 0; sets < 64; sets += 4) {
    unsigned registers = 0;
    if ((sets & regs::R0) != 0) registers |= 1u;
    if ((sets & regs::R6) != 0) registers |= 1u << 6;
    if ((sets & regs::R15) != 0) registers |= kArgumentRegisters;
    if ((sets & regs::R05) != 0) registers |= kCallerSaved;
    named[sets / 4] = static_cast<std::uint16_t>(registers);
  }
  return named;
}();
}  // namespace detail

/// What a row's reads or writes come to, bit by register, in an instruction with these fields.
[[nodiscard]] constexpr std::uint16_t registers_of(unsigned sets, unsigned dst, unsigned src) noexcept {
  static_assert(regs::D == 1 && regs::S == 2);  // passes ask this of every instruction: no branches
  const unsigned fields = (sets & 1u) << dst | (sets >> 1 & 1u) << src;
  return static_cast<std::uint16_t>(fields | detail::kNamedRegisters[sets >> 2 & 15]);
}

/// One row of the table.
struct FormInfo {
  Form form;
  std::uint8_t opcode;
  std::string_view mnemonic;
  Operation operation;
  Operands operands;
  std::int64_t src;  ///< required value of the field, or kAny
  std::int64_t off;
  std::int64_t imm;
  Group group;
  std::uint8_t reads;  ///< regs bits
  std::uint8_t writes;

  [[nodiscard]] constexpr bool has_dst() const noexcept;
  /// True for the forms that name another instruction of the program; see jump_target().
  [[nodiscard]] constexpr bool has_target() const noexcept {
    return operands == Operands::jump_off || operands == Operands::jump_imm || operands == Operands::compare_imm ||
           operands == Operands::compare_src || operands == Operands::call_pc || operation == Operation::lddw_func_;
  }
  /// True for the forms that take two slots.
  [[nodiscard]] constexpr bool wide() const noexcept { return operands == Operands::lddw; }
  /// Width of the operation in bits: 64 or 32 for ALU and jumps, the access size in bits for memory.
  [[nodiscard]] unsigned width() const noexcept;
};
inline constexpr std::int64_t kAny = std::int64_t{1} << 40;

/// The row of a form.
[[nodiscard]] const FormInfo& info(Form form) noexcept;
/// The row's name, as the table spells it: "add64_imm". Static storage.
[[nodiscard]] std::string_view name(Form form) noexcept;
/// All rows, in the table's order.
[[nodiscard]] std::span<const FormInfo> forms() noexcept;

/// What `insn` is, or why it is nothing: "opcode 0x8e is not assigned", "mov64_reg: imm is 7, must be 0", "add64_imm:
/// dst is r11, must be r0 to r10". Looks at this slot only. The Error's `where` is empty.
[[nodiscard]] Result<Form> decode(const Insn& insn);
/// The same without a reason, for speed: kFormCount when it is nothing.
[[nodiscard]] unsigned find_form(const Insn& insn) noexcept;

/// Checks a whole program: it is not empty; every slot decodes; each lddw has its second slot, with nothing in it but
/// an immediate, and that zero where the pseudo source has no use for it; jumps, subprogram calls and function
/// addresses name the first slot of an instruction inside the program; the last instruction is an exit or an
/// unconditional jump. One pass, no allocation. `where` of the Error is "insn <pc>", or "program" when it is empty.
[[nodiscard]] Result<void> check(std::span<const Insn> insns);

/// The pc that a jump, branch or subprogram call at `pc` goes to when taken, or whose address an lddw_func loads.
/// `has_target()` says which forms these are, for others this is pc + 1. May lie outside the program when the program
/// has not been checked.
[[nodiscard]] std::int64_t jump_target(const Insn& insn, const FormInfo& info, std::uint32_t pc) noexcept;

constexpr bool FormInfo::has_dst() const noexcept {
  switch (operands) {
    case Operands::none:
    case Operands::jump_off:
    case Operands::jump_imm:
    case Operands::call_imm:
    case Operands::call_pc:
    case Operands::packet_abs:
    case Operands::packet_ind:
      return false;
    case Operands::dst:
    case Operands::dst_imm:
    case Operands::dst_src:
    case Operands::dst_src_imm:
    case Operands::compare_imm:
    case Operands::compare_src:
    case Operands::load:
    case Operands::store_imm:
    case Operands::store_src:
    case Operands::atomic:
    case Operands::lddw:
      return true;
  }
  return false;
}

}  // namespace skep::isa
