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

struct OpcodeForms {
  std::uint8_t count = 0;
  std::uint8_t slots = 1;
  isa::Form last{};
};
inline constexpr auto kOpcodeForms = [] {
  std::array<OpcodeForms, 256> forms;
#define SKEP_INSN(form, opcode, ...) \
  forms[opcode] = {static_cast<std::uint8_t>(forms[opcode].count + 1), 1, isa::Form::form};
#include "isa/insns.inc"
  for (OpcodeForms& of : forms)
    if (shape_of(of.last).operands == isa::Operands::lddw) of.slots = 2;
  return forms;
}();

}  // namespace detail

/// Of an instruction that isa::check let pass: most opcodes have one form.
[[nodiscard]] inline isa::Form form_of(const Insn& insn) noexcept {
  const detail::OpcodeForms& forms = detail::kOpcodeForms[insn.opcode];
  return forms.count == 1 ? forms.last : static_cast<isa::Form>(isa::find_form(insn));
}

/// By pc, of instructions that isa::check let pass; at second slots no jump.
[[nodiscard]] inline std::vector<isa::Form> forms_of(std::span<const Insn> insns) {
  std::vector<isa::Form> forms(insns.size());
  for (std::size_t pc = 0; pc < insns.size(); pc += detail::kOpcodeForms[insns[pc].opcode].slots)
    forms[pc] = form_of(insns[pc]);
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
