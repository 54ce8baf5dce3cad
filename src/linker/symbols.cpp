// Goes over the inputs' symbols in order. What collides is refused with the names of both inputs.
#include "linker/symbols.hpp"

#include <algorithm>
#include <unordered_map>

#include <fmt/format.h>

#include "linker/match.hpp"

namespace skep::linker {
namespace {

constexpr auto kLocal = static_cast<std::uint8_t>(elf::Binding::local);
constexpr auto kGlobal = static_cast<std::uint8_t>(elf::Binding::global);
constexpr auto kWeak = static_cast<std::uint8_t>(elf::Binding::weak);
constexpr auto kSection = static_cast<std::uint8_t>(elf::SymbolType::section);

class Resolver {
 public:
  Resolver(std::span<const Input> inputs, std::span<const OutSection> sections)
      : inputs_(inputs), sections_(sections), section_symbols_(sections.size()) {
    symbols_.table.emplace_back();
  }

  Result<void> add(std::size_t input);
  [[nodiscard]] Symbols finish();

 private:
  std::uint32_t add_local(std::size_t input, const elf::Symbol& symbol);
  Result<void> add_global(std::size_t input, std::uint32_t index);
  [[nodiscard]] Global describe(std::size_t input, std::uint32_t index) const;
  [[nodiscard]] Result<void> check_pair(const Global& old, const Global& added, bool shared);
  [[nodiscard]] std::string_view section_of(const Global& global) const;
  [[nodiscard]] bool replaces(const Global& added, const Global& old) const;
  [[nodiscard]] const elf::Symbol& symbol_of(const Global& g) const { return inputs_[g.input].file.symbols[g.symbol]; }
  [[nodiscard]] const Place* place_of(std::size_t input, const elf::Symbol& symbol) const;

  std::span<const Input> inputs_;
  std::span<const OutSection> sections_;
  Symbols symbols_;
  std::vector<std::uint32_t> section_symbols_;  ///< by output section: its symbol, 0 for none yet
  std::unordered_map<std::string_view, std::uint32_t> by_name_;
  Matcher matcher_;
};

/// Null for symbols that are in no section.
const Place* Resolver::place_of(std::size_t input, const elf::Symbol& symbol) const {
  const bool has_section = symbol.section != 0 && symbol.section < elf::kReservedSections;
  return has_section ? &inputs_[input].places[symbol.section] : nullptr;
}

std::uint32_t Resolver::add_local(std::size_t input, const elf::Symbol& symbol) {
  const Place* place = place_of(input, symbol);
  const auto next = static_cast<std::uint32_t>(symbols_.table.size());
  elf::Symbol out = symbol;
  if (place != nullptr) {
    if (place->section == Place::kNowhere) return Symbols::kGone;
    out.section = elf_index(place->section);
    out.value += place->offset;
  }
  if (place != nullptr && symbol.type == kSection) {
    std::uint32_t& known = section_symbols_[place->section];
    if (known != 0) return known;
    known = next;
    out.value = 0;
  } else if (place != nullptr && place->shared) {
    return Symbols::kGone;
  }
  symbols_.table.push_back(out);
  return next;
}

Global Resolver::describe(std::size_t input, std::uint32_t index) const {
  const elf::Symbol& symbol = inputs_[input].file.symbols[index];
  Global global{.name = symbol.name, .input = input, .symbol = index};
  global.defined = symbol.section != 0;
  global.weak = symbol.binding == kWeak;
  global.binding = symbol.binding;
  global.visibility = symbol.visibility;
  global.value = symbol.value;
  global.out_section = symbol.section;
  if (const Place* place = place_of(input, symbol)) {
    global.value += place->offset;
    global.out_section = elf_index(place->section);
  }
  const auto& declared = inputs_[input].declared;
  if (const auto found = declared.find(symbol.name); found != declared.end()) global.declared = found->second;
  return global;
}

/// The section that a definition is in, or that a declaration asks for; clang collects what asks for none in ".extern".
std::string_view Resolver::section_of(const Global& global) const {
  const Input& input = inputs_[global.input];
  const std::uint32_t section = symbol_of(global).section;
  if (global.defined) return section < elf::kReservedSections ? input.file.sections[section].name : "";
  if (global.declared.section == 0) return "";
  const std::string_view name = input.btf->type(global.declared.section).name;
  return name == ".extern" ? "" : name;
}

Result<void> Resolver::check_pair(const Global& old, const Global& added, bool shared) {
  const Input& input = inputs_[added.input];
  const auto refuse = [&](std::string what) {
    return fail(ErrorCode::invalid, input.where("symbol", added.name), std::move(what));
  };
  const std::string_view theirs = inputs_[old.input].name;
  if (!shared && old.defined && added.defined && !old.weak && !added.weak)
    return refuse(fmt::format("is defined here and in {}, one definition at most may be strong", theirs));
  const std::string_view mine = section_of(added), other = section_of(old);
  if ((!old.defined || !added.defined) && !mine.empty() && !other.empty() && mine != other)
    return refuse(fmt::format("is in section {}, in {} it is in {}", shown(mine), theirs, shown(other)));
  // Without BTF on one side nothing can be said about types.
  if (inputs_[old.input].btf == nullptr || input.btf == nullptr) return {};
  for (const Global* each : {&old, &added})
    if (each->declared.type == 0)
      return fail(ErrorCode::invalid, inputs_[each->input].where("symbol", each->name),
                  fmt::format("BTF does not describe it, so it cannot be matched with that of {}",
                              inputs_[each == &old ? added.input : old.input].name));
  const bool is_map = mine == ".maps" || other == ".maps";
  return matcher_.match(added.name, is_map, {*inputs_[old.input].btf, old.declared.type, theirs},
                        {*input.btf, added.declared.type, input.name});
}

bool Resolver::replaces(const Global& added, const Global& old) const {
  if (added.defined != old.defined) return added.defined;
  if (added.defined) return old.weak && !added.weak;
  return section_of(old).empty() && !section_of(added).empty();
}

Result<void> Resolver::add_global(std::size_t input, std::uint32_t index) {
  const Global added = describe(input, index);
  const Place* place = place_of(input, inputs_[input].file.symbols[index]);
  if (place != nullptr && place->section == Place::kNowhere) return {};
  const auto known = by_name_.find(added.name);
  const auto number = known != by_name_.end() ? known->second : static_cast<std::uint32_t>(symbols_.globals.size());
  const bool in_shared = place != nullptr && place->shared;
  if (known == by_name_.end()) {
    if (in_shared) return {};  // the first input's symbols stand for those of all; this one has no counterpart
    by_name_.emplace(added.name, number);
    symbols_.globals.push_back(added);
  } else {
    Global& old = symbols_.globals[number];
    const bool same_place = in_shared && old.out_section == added.out_section && old.value == added.value;
    if (auto checked = check_pair(old, added, same_place); !checked) return checked;
    const std::uint8_t binding = old.binding == kGlobal || added.binding == kGlobal ? kGlobal : kWeak;
    const std::uint8_t visibility = std::max(old.visibility, added.visibility);
    if (!same_place && replaces(added, old)) old = added;
    old.binding = binding;
    old.visibility = visibility;
  }
  symbols_.occurrences.push_back({input, index, number, added.declared.type});
  return {};
}

Result<void> Resolver::add(std::size_t input) {
  const auto& table = inputs_[input].file.symbols;
  symbols_.indexes.emplace_back(table.size(), Symbols::kGone);
  for (std::uint32_t index = 1; index < table.size(); ++index) {
    if (table[index].binding == kLocal) {
      symbols_.indexes[input][index] = add_local(input, table[index]);
    } else if (auto done = add_global(input, index); !done) {
      return done;
    }
  }
  return {};
}

Symbols Resolver::finish() {
  const auto first = static_cast<std::uint32_t>(symbols_.table.size());
  for (const Global& global : symbols_.globals) {
    elf::Symbol out = symbol_of(global);
    out.section = global.out_section;
    out.value = global.value;
    out.binding = global.binding;
    out.visibility = global.visibility;
    symbols_.table.push_back(out);
  }
  for (const Occurrence& each : symbols_.occurrences) symbols_.indexes[each.input][each.symbol] = first + each.global;
  return std::move(symbols_);
}

}  // namespace

Result<Symbols> resolve(std::span<const Input> inputs, std::span<const OutSection> sections) {
  Resolver resolver(inputs, sections);
  for (std::size_t input = 0; input < inputs.size(); ++input)
    if (auto done = resolver.add(input); !done) return fail(std::move(done).error());
  return resolver.finish();
}

}  // namespace skep::linker
