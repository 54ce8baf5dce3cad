// What lowering knows of every form without looking at the instruction: which code it becomes where more is known, how
// many ops it takes, what it leaves at hand. Tables, made from the instruction table when this is compiled.
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

/// What a code becomes where registers are at hand: by 1 for its destination and 2 for its source.
inline constexpr auto kReadyCodes = [] {
  std::array<std::array<Code, 4>, kCodeCount> codes{};
  for (std::size_t code = 0; code < codes.size(); ++code) codes[code].fill(static_cast<Code>(code));
  for (std::size_t form = 0; form < kVariants.size(); ++form) {
    const auto of = [form](Variant variant) { return kVariants[form][static_cast<std::size_t>(variant)]; };
    const auto plain = static_cast<Code>(form);
    const Code dst = of(Variant::dst_ready), src = of(Variant::src_ready);
    const Code free = of(Variant::free), free_src = of(Variant::free_src_ready);
    codes[form] = {plain, dst, src, dst != plain ? dst : src};
    if (free_src != plain) codes[static_cast<std::size_t>(free)] = {free, free, free_src, free_src};
  }
  return codes;
}();

/// What an op leaves in the register that the engine has at hand.
enum class Leaves : std::uint8_t { result, what_was_there, nothing };

namespace detail {

constexpr Leaves leaves_of(const Shape& shape) {
  switch (shape.operands) {
    case isa::Operands::dst_imm:
    case isa::Operands::dst_src:
    case isa::Operands::load:
    case isa::Operands::lddw:
      return Leaves::result;
    case isa::Operands::dst:
      return shape.operation == isa::Operation::call_ ? Leaves::nothing : Leaves::result;
    case isa::Operands::compare_imm:
    case isa::Operands::compare_src:
    case isa::Operands::store_imm:
    case isa::Operands::store_src:
      return Leaves::what_was_there;
    case isa::Operands::none:
    case isa::Operands::dst_src_imm:
    case isa::Operands::jump_off:
    case isa::Operands::jump_imm:
    case isa::Operands::call_imm:
    case isa::Operands::call_pc:
    case isa::Operands::atomic:
    case isa::Operands::packet_abs:
    case isa::Operands::packet_ind:
      return Leaves::nothing;
  }
  return Leaves::nothing;
}

}  // namespace detail

/// What lowering asks of every instruction: its form's row.
struct FormRow {
  enum class Way : std::uint8_t {
    form,    ///< becomes the op of its form
    access,  ///< … of the variant without a check, where its base is proven to be free
    other,
  };
  Way way = Way::other;
  std::uint8_t ops = 1;  ///< as many as it takes, if it is run
  Code code{};           ///< that it becomes on its way
  Leaves leaves = Leaves::nothing;
};

namespace detail {

constexpr FormRow::Way way_of(const Shape& shape) {
  using enum isa::Operands;
  const isa::Operands operands = shape.operands;
  if (isa::accesses_memory(operands)) return FormRow::Way::access;
  const bool computes = operands == dst || operands == dst_imm || operands == dst_src;
  return computes || operands == none ? FormRow::Way::form : FormRow::Way::other;
}

}  // namespace detail

inline constexpr auto kFormRows = [] {
  std::array<FormRow, isa::kFormCount> rows;
  for (std::size_t form = 0; form < rows.size(); ++form) {
    const Shape& shape = shape_of(static_cast<isa::Form>(form));
    const bool loads_packet =
        shape.operands == isa::Operands::packet_abs || shape.operands == isa::Operands::packet_ind;
    FormRow& row = rows[form];
    row.way = detail::way_of(shape);
    row.ops = loads_packet ? kPacketLoadOps : 1;
    row.code = row.way == FormRow::Way::access ? kVariants[form][static_cast<std::size_t>(Variant::free)]
                                               : static_cast<Code>(form);
    row.leaves = detail::leaves_of(shape);
  }
  return rows;
}();
[[nodiscard]] constexpr const FormRow& row_of(isa::Form form) noexcept {
  return kFormRows[static_cast<std::size_t>(form)];
}

}  // namespace skep::lower
