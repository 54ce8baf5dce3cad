// What each instruction is, found once for passes that ask again and again.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <vector>

#include "lower/shape.hpp"

namespace skep::lower {

[[nodiscard]] constexpr const Shape& shape_of(isa::Form form) noexcept { return shape_of(static_cast<Code>(form)); }

namespace detail {

/// The forms that share an opcode: most have it to themselves; of those that do not, most differ in `off`, which of the
/// usual one is 0.
struct OpcodeForms {
  isa::Form usual{};
  bool alone = true;           ///< there is no other, or none at all
  bool alone_at_zero = false;  ///< … where `off` is 0
};
inline constexpr auto kOpcodeForms = [] {
  constexpr std::int64_t any = isa::kAny;
  std::array<OpcodeForms, 256> opcodes;
  std::array<unsigned, 256> forms{}, at_zero{};
  const auto add = [&](isa::Form form, unsigned opcode, std::int64_t off) {
    const bool may_be_zero = off == 0 || off == any;
    opcodes[opcode].alone = ++forms[opcode] == 1;
    opcodes[opcode].alone_at_zero = (at_zero[opcode] += may_be_zero ? 1 : 0) == 1;
    if (may_be_zero) opcodes[opcode].usual = form;
  };
#define SKEP_INSN(form, opcode, mnemonic, operation, operands, src, off, ...) add(isa::Form::form, opcode, off);
#include "isa/insns.inc"
  return opcodes;
}();

}  // namespace detail

/// Of an instruction that isa::check let pass. Of a second slot, whose opcode is 0, the first form, which is no jump.
[[nodiscard]] inline isa::Form form_of(const Insn& insn) noexcept {
  const detail::OpcodeForms& forms = detail::kOpcodeForms[insn.opcode];
  const bool usual = forms.alone || (insn.off == 0 && forms.alone_at_zero);
  return usual ? forms.usual : static_cast<isa::Form>(isa::find_form(insn));
}

/// By pc, of instructions that isa::check let pass.
[[nodiscard]] inline std::vector<isa::Form> forms_of(std::span<const Insn> insns) {
  std::vector<isa::Form> forms(insns.size());
  for (std::size_t pc = 0; pc < insns.size(); ++pc) forms[pc] = form_of(insns[pc]);
  return forms;
}

[[nodiscard]] constexpr bool is_wide(const Shape& shape) noexcept { return shape.operands == isa::Operands::lddw; }
[[nodiscard]] constexpr std::uint32_t slots_of(const Shape& shape) noexcept { return is_wide(shape) ? 2 : 1; }

[[nodiscard]] constexpr bool is_condition(const Shape& shape) noexcept {
  return shape.operands == isa::Operands::compare_imm || shape.operands == isa::Operands::compare_src;
}

namespace detail {

inline constexpr auto kHasTarget = [] {
  std::array<bool, isa::kFormCount> has{};
  for (std::size_t form = 0; form < has.size(); ++form) {
    const Shape& shape = shape_of(static_cast<isa::Form>(form));
    has[form] = is_condition(shape) || shape.operands == isa::Operands::jump_off ||
                shape.operands == isa::Operands::jump_imm || shape.operands == isa::Operands::call_pc ||
                shape.operation == isa::Operation::lddw_func_;
  }
  return has;
}();

}  // namespace detail

/// As isa::FormInfo says it.
[[nodiscard]] constexpr bool has_target(isa::Form form) noexcept {
  return detail::kHasTarget[static_cast<std::size_t>(form)];
}

/// Of an instruction that has one: isa::jump_target, which isa::check found inside the program.
[[nodiscard]] constexpr std::uint32_t target_of(const Insn& insn, const Shape& shape, std::uint32_t pc) noexcept {
  const bool by_off = is_condition(shape) || shape.operands == isa::Operands::jump_off;
  return pc + 1 + static_cast<std::uint32_t>(by_off ? insn.off : insn.imm);
}

}  // namespace skep::lower
