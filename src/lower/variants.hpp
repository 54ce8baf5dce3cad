// What lowering knows of every form without looking at the instruction: which code it becomes where more is known, how
// many ops it takes. Tables, made from the instruction table when this is compiled.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "isa/table.hpp"
#include "lower/rows.hpp"

namespace skep::lower {

inline constexpr std::int32_t kPacketLoadOps = 4;

/// The code of a form's variant; the form's own code where it has no such variant.
inline constexpr auto kVariants = [] {
  std::array<std::array<Code, kVariantCount>, isa::kFormCount> codes{};
  for (std::size_t form = 0; form < codes.size(); ++form) codes[form].fill(static_cast<Code>(form));
#define SKEP_VARIANT(form, variant) \
  codes[static_cast<std::size_t>(isa::Form::form)][static_cast<std::size_t>(Variant::variant)] = Code::form##_##variant;
#define SKEP_INSN(form, opcode, mnemonic, operation, operands, ...) SKEP_VARIANTS_##operands(SKEP_VARIANT, form)
#include "isa/insns.inc"
#undef SKEP_VARIANT
  return codes;
}();

[[nodiscard]] constexpr Code variant_of(isa::Form form, Variant variant) noexcept {
  return kVariants[static_cast<std::size_t>(form)][static_cast<std::size_t>(variant)];
}

[[nodiscard]] constexpr bool divides(const Shape& shape) noexcept {
  using enum isa::Operation;
  return shape.operation == div_ || shape.operation == mod_ || shape.operation == sdiv_ || shape.operation == smod_;
}

/// What lowering asks of every instruction: its form's row.
struct alignas(8) FormRow {
  std::uint8_t ops = 1;     ///< as many as it takes, if it is run
  bool has_target = false;  ///< see lower::has_target
  bool is_plain = false;    ///< becomes an op with `code`
  bool is_access = false;   ///< … where the base that it goes through is proven to need no check
  Code code{};
};

inline constexpr auto kFormRows = [] {
  std::array<FormRow, isa::kFormCount> rows;
  for (std::size_t form = 0; form < rows.size(); ++form) {
    using enum isa::Operands;
    const isa::Operands operands = shape_of(static_cast<isa::Form>(form)).operands;
    FormRow& row = rows[form];
    row.ops = operands == packet_abs || operands == packet_ind ? kPacketLoadOps : 1;
    row.has_target = has_target(static_cast<isa::Form>(form));
    row.is_plain = operands == none || operands == dst || operands == dst_imm ||
                   (operands == dst_src && !divides(shape_of(static_cast<isa::Form>(form))));
    row.is_access = isa::accesses_memory(operands);
    row.code = row.is_access ? variant_of(static_cast<isa::Form>(form), Variant::free) : static_cast<Code>(form);
  }
  return rows;
}();
[[nodiscard]] constexpr const FormRow& row_of(isa::Form form) noexcept {
  return kFormRows[static_cast<std::size_t>(form)];
}

}  // namespace skep::lower
