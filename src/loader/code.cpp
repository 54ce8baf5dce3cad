// From symbols to functions.
//
// Compilers mark functions as FUNC and give their size. Old compilers and assembly leave one or the other out: then
// global symbols are taken for functions, and a function reaches to the next one; a note says so.
#include "loader/code.hpp"

#include <algorithm>
#include <unordered_map>

#include <fmt/format.h>

namespace skep::loader {
namespace {

constexpr std::uint64_t kSlot = 8;  // bytes

struct Candidates {
  std::vector<const elf::Symbol*> funcs;
  std::vector<const elf::Symbol*> untyped;  ///< symbols without a type that are no compiler's labels
};

bool holds_code(const elf::Section& section) noexcept {
  return section.type == elf::kProgbits && (section.flags & elf::kExecinstr) != 0 && section.size != 0;
}

bool is_local(const elf::Symbol& symbol) noexcept {
  return symbol.binding == static_cast<std::uint8_t>(elf::Binding::local);
}

bool is_hidden(const elf::Symbol& symbol) noexcept {
  constexpr std::uint8_t kInternal = 1, kHidden = 2;
  return symbol.visibility == kInternal || symbol.visibility == kHidden;
}

/// Jump targets, which old compilers leave in the symbol table: "LBB0_3", ".Ltmp1".
bool is_label(const elf::Symbol& symbol) noexcept {
  return is_local(symbol) &&
         (symbol.name.starts_with('.') || symbol.name.starts_with("LBB") || symbol.name.starts_with("Ltmp"));
}

std::unordered_map<std::uint32_t, Candidates> group_symbols(const elf::File& file) {
  std::unordered_map<std::uint32_t, Candidates> groups;
  for (const elf::Section& section : file.sections)
    if (holds_code(section)) groups.try_emplace(section.index);
  for (const elf::Symbol& symbol : file.symbols) {
    const auto group = groups.find(symbol.section);
    if (group == groups.end() || symbol.name.empty()) continue;
    if (symbol.type == static_cast<std::uint8_t>(elf::SymbolType::func)) group->second.funcs.push_back(&symbol);
    if (symbol.type == static_cast<std::uint8_t>(elf::SymbolType::notype) && !is_label(symbol))
      group->second.untyped.push_back(&symbol);
  }
  return groups;
}

/// Symbols of one place keep the order of their table.
bool in_address_order(const elf::Symbol* a, const elf::Symbol* b) noexcept {
  return a->value != b->value ? a->value < b->value : a < b;
}

/// Bytes of the function at symbols[i], which are sorted by value.
std::uint64_t extent(const std::vector<const elf::Symbol*>& symbols, std::size_t i, const elf::Section& section) {
  if (symbols[i]->size != 0) return symbols[i]->size;
  const auto next = std::upper_bound(symbols.begin() + static_cast<std::ptrdiff_t>(i), symbols.end(), symbols[i]->value,
                                     [](std::uint64_t at, const elf::Symbol* symbol) { return at < symbol->value; });
  const std::uint64_t end = next == symbols.end() ? section.size : (*next)->value;
  return end > symbols[i]->value ? end - symbols[i]->value : 0;
}

Result<void> add_section(Source& source, const elf::Section& section, std::vector<const elf::Symbol*> symbols,
                         Code& code) {
  if (auto named = check_name("section", section.name, kMaxSectionName); !named) return named;
  if (section.data.size() / kSlot > UINT32_MAX / 2)
    return fail(ErrorCode::limit, in_section(section.name), "holds more than 2^31 instructions");
  std::sort(symbols.begin(), symbols.end(), in_address_order);
  const auto position = static_cast<std::uint32_t>(code.sections.size());
  CodeSection made{.index = section.index, .name = section.name, .data = section.data};
  made.first_function = static_cast<std::uint32_t>(code.functions.size());
  bool unsized = false;
  for (std::size_t i = 0; i < symbols.size(); ++i) {
    const elf::Symbol& symbol = *symbols[i];
    if (auto named = check_name("function", symbol.name); !named) return named;
    const std::uint64_t bytes = extent(symbols, i, section);
    unsized |= symbol.size == 0;
    if (bytes == 0 || bytes % kSlot != 0 || symbol.value % kSlot != 0 ||
        !in_bounds(symbol.value, bytes, section.data.size()))
      return fail(ErrorCode::malformed, in_section(section.name),
                  fmt::format("function {} takes {} bytes at {}, needs whole instructions inside {} bytes",
                              shown(symbol.name), bytes, symbol.value, section.data.size()));
    code.functions.push_back({.name = symbol.name,
                              .section = position,
                              .start = static_cast<std::uint32_t>(symbol.value / kSlot),
                              .count = static_cast<std::uint32_t>(bytes / kSlot),
                              .local = is_local(symbol),
                              .hidden = is_hidden(symbol)});
  }
  if (unsized)
    source.notes.add(
        fmt::format("section {}: functions without a size, each taken to reach to the next one", shown(section.name)));
  made.end_function = static_cast<std::uint32_t>(code.functions.size());
  code.sections.push_back(made);
  return {};
}

}  // namespace

const CodeSection* Code::section_of(std::uint32_t index) const noexcept {
  const auto found = std::lower_bound(sections.begin(), sections.end(), index,
                                      [](const CodeSection& section, std::uint32_t at) { return section.index < at; });
  return found != sections.end() && found->index == index ? &*found : nullptr;
}

const Function* Code::function_with(const CodeSection& section, std::uint64_t slot) const noexcept {
  const auto first = functions.begin() + section.first_function, last = functions.begin() + section.end_function;
  const auto after = std::upper_bound(first, last, slot,
                                      [](std::uint64_t at, const Function& function) { return at < function.start; });
  if (after == first) return nullptr;
  const Function& function = *std::prev(after);
  return slot - function.start < function.count ? &function : nullptr;
}

const Function* Code::function_at(const CodeSection& section, std::int64_t slot) const noexcept {
  if (slot < 0) return nullptr;
  const Function* function = function_with(section, static_cast<std::uint64_t>(slot));
  return function != nullptr && function->start == slot ? function : nullptr;
}

Result<Code> read_code(Source& source) {
  Code code;
  auto groups = group_symbols(source.file);
  if (groups.size() > kMaxCodeSections)
    return fail(ErrorCode::limit, "elf",
                fmt::format("{} sections of code, at most {} are taken", groups.size(), kMaxCodeSections));
  for (const elf::Section& section : source.file.sections) {
    const auto group = groups.find(section.index);
    if (group == groups.end()) continue;
    auto& [funcs, untyped] = group->second;
    if (funcs.empty() && untyped.empty()) {
      source.notes.add(fmt::format("section {}: holds code but no function symbol, left out", shown(section.name)));
      continue;
    }
    if (funcs.empty())
      source.notes.add(
          fmt::format("section {}: no symbol is marked as a function, those without a type are taken for functions",
                      shown(section.name)));
    if (auto done = add_section(source, section, std::move(funcs.empty() ? untyped : funcs), code); !done)
      return fail(std::move(done).error());
  }
  return code;
}

}  // namespace skep::loader
