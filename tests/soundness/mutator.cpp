#include "soundness/mutator.hpp"

#include <random>
#include <utility>

#include "differential/generator.hpp"
#include "isa/table.hpp"

namespace skep::soundness {
namespace {

using Random = std::mt19937_64;

/// Near what it was, or a number that is interesting.
std::int64_t other_number(std::int64_t number, Random& random) {
  switch (random() % 4) {
    case 0:
      return number + 1;
    case 1:
      return number - 1;
    case 2:
      return static_cast<std::int64_t>(random() % 64);
    default:
      return static_cast<std::int64_t>(differential::interesting(random()));
  }
}

/// Another row of the table with operands of the same kind.
Insn other_operation(Insn insn, const isa::FormInfo& row, Random& random) {
  const auto rows = isa::forms();
  const std::size_t start = random() % rows.size();
  for (std::size_t i = 0; i < rows.size(); ++i) {
    const isa::FormInfo& other = rows[(start + i) % rows.size()];
    if (other.operands != row.operands || other.form == row.form || row.wide()) continue;
    insn.opcode = other.opcode;
    if (other.src != isa::kAny) insn.src = static_cast<std::uint8_t>(other.src) & 15;
    if (other.off != isa::kAny) insn.off = static_cast<std::int16_t>(other.off);
    if (other.imm != isa::kAny) insn.imm = static_cast<std::int32_t>(other.imm);
    return insn;
  }
  return insn;
}

Insn changed(Insn insn, const isa::FormInfo& row, Random& random) {
  switch (random() % 6) {
    case 0:
      insn.imm = static_cast<std::int32_t>(other_number(insn.imm, random));
      return insn;
    case 1:
      insn.off = static_cast<std::int16_t>(other_number(insn.off, random));
      return insn;
    case 2:
      insn.dst = random() % isa::kRegisters & 15;
      return insn;
    case 3:
      insn.src = random() % isa::kRegisters & 15;
      return insn;
    case 4:
      insn.src = insn.dst;
      return insn;
    default:
      return other_operation(insn, row, random);
  }
}

/// `if a < b` becomes `if b < a`.
Insn turned(Insn insn) {
  const std::uint8_t dst = insn.dst;
  insn.dst = insn.src;
  insn.src = dst & 15;
  return insn;
}

bool change_one(std::vector<Insn>& insns, Random& random) {
  const std::size_t at = random() % insns.size();
  const unsigned form = isa::find_form(insns[at]);
  if (form == isa::kFormCount) return false;
  const isa::FormInfo& row = isa::info(static_cast<isa::Form>(form));
  if (row.operation == isa::Operation::exit_) return false;
  Insn insn = insns[at];
  if (row.operands == isa::Operands::compare_src && random() % 3 == 0)
    insn = turned(insn);
  else if (row.wide())
    insn.imm = static_cast<std::int32_t>(other_number(insn.imm, random));
  else
    insn = changed(insn, row, random);
  if (insn == insns[at] || isa::find_form(insn) == isa::kFormCount) return false;
  insns[at] = insn;
  return true;
}

}  // namespace

void mutate(std::vector<Insn>& insns, std::uint64_t seed) {
  if (insns.empty()) return;
  Random random(seed);
  std::uint64_t left = random() % 3 == 0 ? 2 : 1;
  for (unsigned tries = 0; tries < 64 && left > 0; ++tries)
    if (change_one(insns, random)) --left;
}

}  // namespace skep::soundness
