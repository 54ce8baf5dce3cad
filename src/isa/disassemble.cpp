// Instructions as text: fills the slots of a form's pattern with the values of the instruction's fields.
#include <fmt/format.h>

#include "isa/spelling.hpp"
#include "isa/table.hpp"
#include "isa/text.hpp"

namespace skep::isa {
namespace {

/// The llvm style writes numbers in hex, the others in decimal.
std::string number(std::int64_t value, Style style) {
  if (style != Style::llvm) return fmt::format("{}", value);
  const auto magnitude = value < 0 ? 0 - static_cast<std::uint64_t>(value) : static_cast<std::uint64_t>(value);
  return fmt::format("{}0x{:x}", value < 0 ? "-" : "", magnitude);
}

std::string target(std::int64_t value, Style style) {
  return fmt::format("{}{}", value < 0 ? "" : "+", number(value, style));
}

/// An offset after a register: " + 0x4" for llvm, " +4" for the kernel, "+4" in the dialect.
std::string addend(std::int64_t value, Style style) {
  switch (style) {
    case Style::llvm:
      return fmt::format(" {} {}", value < 0 ? '-' : '+', number(value < 0 ? -value : value, style));
    case Style::kernel:
      return fmt::format(" {:+}", value);
    case Style::mnemonic:
      return fmt::format("{:+}", value);
  }
  return {};
}

std::string imm_addend(std::int64_t value, Style style) {
  if (style == Style::kernel) return fmt::format(" + {}", value);
  return value == 0 ? "" : addend(value, style);
}

std::string value_of(char letter, std::span<const Insn> insns, std::uint32_t pc, Style style) {
  const Insn& insn = insns[pc];
  const auto reg = [&](char kind, unsigned number) {
    return fmt::format("{}{}{}", style == Style::mnemonic ? "%" : "", kind, number);
  };
  const auto imm64 = [&] {
    return std::uint64_t{static_cast<std::uint32_t>(insns[pc + 1].imm)} << 32 | static_cast<std::uint32_t>(insn.imm);
  };
  const auto imm = static_cast<std::uint32_t>(insn.imm);
  switch (letter) {
    case slot::dst:
      return reg('r', insn.dst);
    case slot::dst32:
      return reg('w', insn.dst);
    case slot::src:
      return reg('r', insn.src);
    case slot::src32:
      return reg('w', insn.src);
    case slot::r0:
      return reg('r', 0);
    case slot::r0_32:
      return reg('w', 0);
    case slot::imm:
      return number(insn.imm, style);
    case slot::imm_unsigned:
      return fmt::format("0x{:x}", imm);
    case slot::imm_addend:
      return imm_addend(insn.imm, style);
    case slot::imm64:
      return number(static_cast<std::int64_t>(imm64()), style);
    case slot::imm64_unsigned:
      return fmt::format("0x{:x}", imm64());
    case slot::space_to:
      return number(imm >> 16, style);
    case slot::space_from:
      return number(imm & 0xffff, style);
    case slot::off:
      return number(insn.off, style);
    case slot::off_addend:
      return addend(insn.off, style);
    case slot::target_off:
      return target(insn.off, style);
    case slot::target_imm:
      return target(insn.imm, style);
    default:
      return {};
  }
}

bool has_second_slot(std::span<const Insn> insns, std::uint32_t pc) {
  return pc + 1 < insns.size() && insns[pc + 1] == Insn(0, 0, 0, 0, insns[pc + 1].imm);
}

}  // namespace

std::string disassemble(std::span<const Insn> insns, std::uint32_t pc, Style style) {
  constexpr std::string_view kUnknown = "<unknown>";
  const unsigned form = pc < insns.size() ? find_form(insns[pc]) : kFormCount;
  if (form == kFormCount) return std::string(kUnknown);
  const FormInfo& row = info(static_cast<Form>(form));
  if (row.wide() && !has_second_slot(insns, pc)) return std::string(kUnknown);

  std::string text;
  if (style == Style::kernel) text = fmt::format("({:02x}) ", row.opcode);
  const std::string shape = pattern(row, style);
  for (std::size_t i = 0; i < shape.size(); ++i) {
    if (shape[i] == '{') {
      text += value_of(shape[i + 1], insns, pc, style);
      i += 2;
    } else {
      text += shape[i];
    }
  }
  return text;
}

}  // namespace skep::isa
