// Maps defined the old way: an array of plain structs in a section called "maps", "maps/…" or "…/maps".
//
// The structs start with type, key size, value size, max entries and flags, 32 bits each; what follows differs between
// iproute2, samples and others, and is noted when it is not zero. Their size is the section's divided by its symbols.
#include <algorithm>
#include <array>

#include <fmt/format.h>

#include "loader/maps.hpp"

namespace skep::loader {
namespace {

constexpr std::uint64_t kSmallestDefinition = 16;  // without flags, as the very first ones were

bool is_legacy_section(const elf::Section& section) noexcept {
  if (section.type != elf::kProgbits || (section.flags & elf::kExecinstr) != 0 || section.size == 0) return false;
  return section.name == "maps" || section.name.starts_with("maps/") || section.name.ends_with("/maps");
}

bool names_a_map(const elf::Symbol& symbol) noexcept {
  const auto type = static_cast<elf::SymbolType>(symbol.type);
  return !symbol.name.empty() && (type == elf::SymbolType::object || type == elf::SymbolType::notype);
}

Result<void> read_definition(Source& source, const elf::Section& section, const elf::Symbol& symbol, std::uint64_t size,
                             MapTable& maps) {
  if (auto named = check_name("map", symbol.name); !named) return named;
  const std::string where = fmt::format("map {}", shown(symbol.name));
  const auto bytes = ByteReader(section.data).slice(symbol.value, size);
  if (!bytes || symbol.value % size != 0)
    return fail(ErrorCode::malformed, where,
                fmt::format("starts at byte {} of section {}, which holds definitions of {} bytes", symbol.value,
                            shown(section.name), size));
  std::array<std::uint32_t, 5> fields{};
  std::memcpy(fields.data(), bytes->data(), std::min<std::size_t>(sizeof fields, size));
  if (size > sizeof fields) {
    const Bytes rest = bytes->subspan(sizeof fields);
    if (std::any_of(rest.begin(), rest.end(), [](std::byte b) { return b != std::byte{0}; }))
      source.notes.add(
          fmt::format("{}: the definition has fields past map_flags that are not zero; they are ignored", where));
  }
  MapDef def;
  def.spec.name = symbol.name;
  def.spec.type = static_cast<MapType>(fields[0]);
  def.spec.key_size = fields[1];
  def.spec.value_size = fields[2];
  def.spec.max_entries = fields[3];
  def.spec.flags = fields[4];
  def.origin = MapDef::Origin::legacy;
  def.section = section.name;
  maps.add_at(section.index, symbol.value, std::move(def));
  return {};
}

Result<void> read_section(Source& source, const elf::Section& section, std::vector<const elf::Symbol*> symbols,
                          MapTable& maps) {
  if (symbols.empty())
    return fail(ErrorCode::malformed, in_section(section.name), "holds map definitions, but no symbol names one");
  if (auto named = check_name("section", section.name); !named) return named;
  const std::uint64_t size = section.size / symbols.size();
  if (section.size % symbols.size() != 0 || size < kSmallestDefinition)
    return fail(ErrorCode::malformed, in_section(section.name),
                fmt::format("{} bytes hold {} maps, a definition takes at least {} bytes and all are equally long",
                            section.size, symbols.size(), kSmallestDefinition));
  source.notes.add(fmt::format("section {}: old map definitions of {} bytes", shown(section.name), size));
  std::sort(symbols.begin(), symbols.end(), [](const elf::Symbol* a, const elf::Symbol* b) {
    return a->value != b->value ? a->value < b->value : a < b;
  });
  for (const elf::Symbol* symbol : symbols)
    if (auto done = read_definition(source, section, *symbol, size, maps); !done) return done;
  return {};
}

}  // namespace

Result<void> read_legacy_maps(Source& source, MapTable& maps) {
  std::unordered_map<std::uint32_t, std::vector<const elf::Symbol*>> symbols;
  for (const elf::Section& section : source.file.sections)
    if (is_legacy_section(section)) symbols.try_emplace(section.index);
  if (symbols.empty()) return {};
  for (const elf::Symbol& symbol : source.file.symbols) {
    const auto found = symbols.find(symbol.section);
    if (found != symbols.end() && names_a_map(symbol)) found->second.push_back(&symbol);
  }
  for (const elf::Section& section : source.file.sections) {
    const auto found = symbols.find(section.index);
    if (found == symbols.end()) continue;
    if (auto done = read_section(source, section, std::move(found->second), maps); !done) return done;
  }
  return {};
}

}  // namespace skep::loader
