// What each instruction is, found once for passes that ask again and again.
#pragma once

#include <span>
#include <vector>

#include "isa/table.hpp"

namespace skep::lower {

/// By pc, of instructions that isa::check let pass; null at second slots.
[[nodiscard]] inline std::vector<const isa::FormInfo*> rows_of(std::span<const Insn> insns) {
  std::vector<const isa::FormInfo*> rows(insns.size());
  for (std::size_t pc = 0; pc < insns.size(); pc += rows[pc]->wide() ? 2 : 1)
    rows[pc] = &isa::info(static_cast<isa::Form>(isa::find_form(insns[pc])));
  return rows;
}

}  // namespace skep::lower
