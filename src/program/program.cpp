// Looking things up in a program by pc.
#include "program/program.hpp"

#include <algorithm>

namespace skep::program {

const Line* Program::line_at(std::uint32_t pc) const noexcept {
  const auto after =
      std::upper_bound(lines.begin(), lines.end(), pc, [](std::uint32_t at, const Line& line) { return at < line.pc; });
  if (after == lines.begin()) return nullptr;
  const Line& line = *std::prev(after);
  const Subprog* here = subprog_at(pc);
  return here != nullptr && line.pc >= here->start ? &line : nullptr;
}

std::string Program::source_at(std::uint32_t pc) const {
  const Line* line = line_at(pc);
  if (line == nullptr) return {};
  const std::size_t indent = line->text.find_first_not_of(" \t");
  std::string source(line->file);
  source.append(":").append(std::to_string(line->line));
  if (indent != std::string_view::npos) source.append(": ").append(line->text.substr(indent));
  return source;
}

std::vector<std::string> Program::need_names() const {
  std::vector<std::string> names;
  for (const Need& need : needs)
    if (std::find(names.begin(), names.end(), need.name) == names.end()) names.push_back(need.name);
  return names;
}

const Poison* Program::poison_at(std::uint32_t pc) const noexcept {
  const auto found = std::lower_bound(poisons.begin(), poisons.end(), pc,
                                      [](const Poison& poison, std::uint32_t at) { return poison.pc < at; });
  return found != poisons.end() && found->pc == pc ? &*found : nullptr;
}

const KfuncUse* Program::kfunc_at(std::uint32_t pc) const noexcept {
  const auto found = std::lower_bound(kfuncs.begin(), kfuncs.end(), pc,
                                      [](const KfuncUse& use, std::uint32_t at) { return use.pc < at; });
  return found != kfuncs.end() && found->pc == pc ? &*found : nullptr;
}

const Subprog* Program::subprog_at(std::uint32_t pc) const noexcept {
  for (const Subprog& subprog : subprogs)
    if (pc >= subprog.start && pc < subprog.end) return &subprog;
  return nullptr;
}

}  // namespace skep::program
