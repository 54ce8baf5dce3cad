// Looking things up in a program by pc.
#include "program/program.hpp"

#include <algorithm>

namespace skep::program {

const Line* Program::line_at(std::uint32_t pc) const noexcept {
  const auto after = std::upper_bound(lines.begin(), lines.end(), pc,
                                      [](std::uint32_t at, const Line& line) { return at < line.pc; });
  if (after == lines.begin()) return nullptr;
  const Line& line = *std::prev(after);
  const Subprog* here = subprog_at(pc);
  return here != nullptr && line.pc >= here->start ? &line : nullptr;
}

const Subprog* Program::subprog_at(std::uint32_t pc) const noexcept {
  for (const Subprog& subprog : subprogs)
    if (pc >= subprog.start && pc < subprog.end) return &subprog;
  return nullptr;
}

}  // namespace skep::program
