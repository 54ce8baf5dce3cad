// Names and places from the symbol table, types from the DATASEC.
#include "loader/variables.hpp"

#include <algorithm>
#include <string_view>

namespace skep::loader {
namespace {

using TypesByName = std::unordered_map<std::string_view, btf::SectionVar>;

TypesByName index_by_name(const btf::Btf* btf, std::uint32_t datasec) {
  TypesByName types;
  if (btf == nullptr || datasec == 0) return types;
  for (const btf::SectionVar& place : btf->section_vars(btf->type(datasec))) {
    const btf::Type& var = btf->type(place.var);
    if (var.kind == btf::Kind::var) types.try_emplace(var.name, place);
  }
  return types;
}

/// True for what no other object may name.
bool is_local(const elf::Symbol& symbol) {
  constexpr std::uint8_t kInternal = 1, kHidden = 2;
  return symbol.binding == static_cast<std::uint8_t>(elf::Binding::local) || symbol.visibility == kHidden ||
         symbol.visibility == kInternal;
}

}  // namespace

VariableSymbols::VariableSymbols(const elf::File& file) {
  for (const elf::Symbol& symbol : file.symbols)
    if (symbol.type == static_cast<std::uint8_t>(elf::SymbolType::object) && !symbol.name.empty())
      symbols_[symbol.section].push_back(&symbol);
}

std::vector<GlobalVar> VariableSymbols::variables(const elf::Section& section, const btf::Btf* btf,
                                                  std::uint32_t datasec) const {
  TypesByName types = index_by_name(btf, datasec);
  std::vector<GlobalVar> variables;
  const auto add = [&](std::string_view name, std::uint64_t offset, std::uint64_t bytes, std::uint32_t type,
                       bool local) {
    if (name.size() > kMaxName || offset > section.size || bytes > section.size - offset) return;
    variables.push_back(
        {std::string(name), static_cast<std::uint32_t>(offset), static_cast<std::uint32_t>(bytes), type, local});
  };
  if (const auto symbols = symbols_.find(section.index); symbols != symbols_.end()) {
    for (const elf::Symbol* symbol : symbols->second) {
      const auto typed = types.find(symbol->name);
      add(symbol->name, symbol->value, symbol->size, typed == types.end() ? 0 : btf->type(typed->second.var).ref,
          is_local(*symbol));
      if (typed != types.end()) types.erase(typed);
    }
  }
  for (const auto& [name, place] : types)
    if (btf->type(place.var).linkage == 0) add(name, place.offset, place.size, btf->type(place.var).ref, true);
  std::sort(variables.begin(), variables.end(), [](const GlobalVar& a, const GlobalVar& b) {
    return a.offset != b.offset ? a.offset < b.offset : a.name < b.name;
  });
  return variables;
}

}  // namespace skep::loader
