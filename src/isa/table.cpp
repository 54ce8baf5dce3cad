// The rows of insns.inc as values. Order is the order of the file, so that a Form is an index.
#include "isa/table.hpp"

#include <array>

namespace skep::isa {
namespace {

using namespace regs;
constexpr std::int64_t any = kAny;

constexpr std::array<FormInfo, kFormCount> kForms{{
#define SKEP_INSN(form, opcode, mnemonic, operation, operands, src, off, imm, group, reads, writes) \
  {Form::form,   opcode,  mnemonic, Operation::operation, Operands::operands, src, off, imm,        \
   Group::group, (reads), (writes)},
#include "isa/insns.inc"
}};

constexpr std::array<std::string_view, kFormCount> kNames{
#define SKEP_INSN(form, ...) #form,
#include "isa/insns.inc"
};

}  // namespace

const FormInfo& info(Form form) noexcept { return kForms[static_cast<std::size_t>(form)]; }

std::string_view name(Form form) noexcept { return kNames[static_cast<std::size_t>(form)]; }

std::span<const FormInfo> forms() noexcept { return kForms; }

unsigned FormInfo::width() const noexcept {
  // The opcode's layout: RFC 9669 sections 3.2 and 3.3.
  constexpr std::array<unsigned, 4> kSizes{32, 16, 8, 64};
  switch (opcode & 7) {
    case 4:
    case 6:
      return 32;
    case 5:
    case 7:
      return 64;
    default:
      return kSizes[(opcode >> 3) & 3];
  }
}

}  // namespace skep::isa
