// What each instruction is, found once for passes that ask again and again.
#pragma once

#include <span>
#include <vector>

#include "lower/shape.hpp"

namespace skep::lower {

[[nodiscard]] constexpr const Shape& shape_of(isa::Form form) noexcept { return shape_of(static_cast<Code>(form)); }

/// By pc, of instructions that isa::check let pass; nothing in particular at second slots.
[[nodiscard]] inline std::vector<isa::Form> forms_of(std::span<const Insn> insns) {
  std::vector<isa::Form> forms(insns.size());
  for (std::size_t pc = 0; pc < insns.size(); pc += shape_of(forms[pc]).operands == isa::Operands::lddw ? 2 : 1)
    forms[pc] = static_cast<isa::Form>(isa::find_form(insns[pc]));
  return forms;
}

[[nodiscard]] constexpr bool is_wide(const Shape& shape) noexcept { return shape.operands == isa::Operands::lddw; }
[[nodiscard]] constexpr std::uint32_t slots_of(const Shape& shape) noexcept { return is_wide(shape) ? 2 : 1; }

[[nodiscard]] constexpr bool is_condition(const Shape& shape) noexcept {
  return shape.operands == isa::Operands::compare_imm || shape.operands == isa::Operands::compare_src;
}

/// As isa::FormInfo says it.
[[nodiscard]] constexpr bool has_target(const Shape& shape) noexcept {
  return is_condition(shape) || shape.operands == isa::Operands::jump_off ||
         shape.operands == isa::Operands::jump_imm || shape.operands == isa::Operands::call_pc ||
         shape.operation == isa::Operation::lddw_func_;
}

/// Of an instruction that has one: isa::jump_target, which isa::check found inside the program.
[[nodiscard]] constexpr std::uint32_t target_of(const Insn& insn, const Shape& shape, std::uint32_t pc) noexcept {
  const bool by_off = is_condition(shape) || shape.operands == isa::Operands::jump_off;
  return pc + 1 + static_cast<std::uint32_t>(by_off ? insn.off : insn.imm);
}

}  // namespace skep::lower
