// Finds the loads that name maps, and rewrites a copy of the program.
#include "loader/left_out.hpp"

#include <algorithm>

#include <fmt/format.h>

#include "loader/relocate.hpp"

namespace skep::loader {
namespace {

constexpr std::int32_t kPoisonMap = 2001000000;  // libbpf calls this plus the map's index

/// The slots of loads that name a map which is left out, ascending.
std::vector<std::uint32_t> loads_of_left_out(const program::Program& program, std::span<const MapDef> maps) {
  std::vector<std::uint32_t> loads;
  for (std::uint32_t pc = 0; pc < program.insns.size(); ++pc) {
    const Insn& insn = program.insns[pc];
    if (insn.opcode != kLddw) continue;
    const bool names_map = insn.src == kMapPseudo || insn.src == kMapValuePseudo;
    const auto index = static_cast<std::uint32_t>(insn.imm);
    if (names_map && index < maps.size() && !maps[index].autocreate) loads.push_back(pc);
    ++pc;
  }
  return loads;
}

}  // namespace

std::shared_ptr<const program::Program> without_left_out_maps(std::shared_ptr<const program::Program> program,
                                                              std::span<const MapDef> maps) {
  const auto loads = loads_of_left_out(*program, maps);
  if (loads.empty()) return program;
  auto changed = std::make_shared<program::Program>(*program);
  for (const std::uint32_t load : loads) {
    const std::int32_t map = changed->insns[load].imm;
    const auto what = fmt::format("map {} (not made)", maps[static_cast<std::uint32_t>(map)].spec.name);
    for (const std::uint32_t pc : {load, load + 1}) {
      changed->insns[pc] = Insn(kCall, 0, 0, 0, kPoisonMap + map);
      changed->poisons.push_back({pc, what});
    }
  }
  std::sort(changed->poisons.begin(), changed->poisons.end(),
            [](const program::Poison& a, const program::Poison& b) { return a.pc < b.pc; });
  return changed;
}

}  // namespace skep::loader
