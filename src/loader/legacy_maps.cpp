// Maps defined the old way: an array of plain structs in a section called "maps", "maps/…" or "…/maps".
//
// The structs start with type, key size, value size, max entries and flags, 32 bits each. What follows is iproute2's
// (id, pinning, inner id, inner slot: 28 or 36 bytes) or that of Linux' samples (number of the inner map, NUMA node:
// 28 bytes); of other sizes it is not read, and noted when it is not zero. The structs' size is the section's divided
// by its symbols.
#include <algorithm>
#include <cstring>
#include <memory>
#include <unordered_map>

#include <fmt/format.h>

#include "loader/maps.hpp"
#include "loader/slots.hpp"

namespace skep::loader {
namespace {

constexpr std::uint64_t kSmallestDefinition = 16;  // without flags, as the very first ones were
constexpr std::uint64_t kMiddleDefinition = 28, kIproute2Definition = 36;
constexpr std::uint32_t kNoSlot = UINT32_MAX;

/// The fields of a definition, those that are not there are 0.
struct Definition {
  std::uint32_t type, key_size, value_size, max_entries, flags, sixth, seventh, eighth, ninth;
};
static_assert(sizeof(Definition) == kIproute2Definition);

/// What the fields past the flags say.
struct Extra {
  std::uint32_t map = 0;  ///< the map that says so
  std::uint32_t id = 0;
  std::uint32_t inner_id = 0;    ///< iproute2: the maps inside look like the one of this id
  std::uint32_t slot = kNoSlot;  ///< iproute2: where the map lies in those of which it is the inner one
  bool by_number = false;        ///< samples: the maps inside look like number `inner_id` of the section
};

bool is_map_of_maps(MapType type) noexcept { return type == MapType::array_of_maps || type == MapType::hash_of_maps; }

bool is_legacy_section(const elf::Section& section) noexcept {
  if (section.type != elf::kProgbits || (section.flags & elf::kExecinstr) != 0 || section.size == 0) return false;
  return section.name == "maps" || section.name.starts_with("maps/") || section.name.ends_with("/maps");
}

bool names_a_map(const elf::Symbol& symbol) noexcept {
  const auto type = static_cast<elf::SymbolType>(symbol.type);
  return !symbol.name.empty() && (type == elf::SymbolType::object || type == elf::SymbolType::notype);
}

/// Key and value types of an old map: members of a struct that BPF_ANNOTATE_KV_PAIR declares for it.
void add_types(const btf::Btf& btf, MapSpec& spec) {
  const btf::Type& pair = btf.type(btf.find(btf::Kind::struct_, "____btf_map_" + spec.name));
  const auto members = btf.members(pair);
  if (pair.kind != btf::Kind::struct_ || members.size() < 2) return;
  if (btf.size_of(members[0].type) != spec.key_size || btf.size_of(members[1].type) != spec.value_size) return;
  spec.btf_key_type = members[0].type;
  spec.btf_value_type = members[1].type;
}

/// Reads the fields past the flags into the map and gives back what names other maps.
Extra read_extra(Source& source, const Definition& fields, std::uint64_t size, MapDef& def) {
  const std::string where = fmt::format("map {}", shown(def.spec.name));
  const bool set = (fields.sixth | fields.seventh | fields.eighth | fields.ninth) != 0;
  Extra extra;
  if (!set || (size != kMiddleDefinition && size != kIproute2Definition)) return extra;
  const bool of_maps = is_map_of_maps(def.spec.type);
  if (size == kMiddleDefinition && (of_maps || (fields.flags & map_flag::numa_node) != 0)) {
    source.notes.add(fmt::format("{}: the fields past map_flags are taken for inner_map_idx and numa_node", where));
    def.spec.numa_node = fields.seventh;
    if (of_maps) extra = {.inner_id = fields.sixth, .by_number = true};
    return extra;
  }
  source.notes.add(fmt::format("{}: the fields past map_flags are taken for those of iproute2", where));
  def.id = fields.sixth;
  def.spec.pinned_by_name = fields.seventh != 0;
  extra.id = fields.sixth;
  if (size != kIproute2Definition) return extra;
  extra.inner_id = fields.eighth;
  extra.slot = fields.ninth;
  return extra;
}

Result<Extra> read_definition(Source& source, const elf::Section& section, const elf::Symbol& symbol,
                              std::uint64_t size, MapTable& maps) {
  if (auto named = check_name("map", symbol.name); !named) return fail(std::move(named).error());
  const std::string where = fmt::format("map {}", shown(symbol.name));
  const auto bytes = ByteReader(section.data).slice(symbol.value, size);
  if (!bytes || symbol.value % size != 0)
    return fail(ErrorCode::malformed, where,
                fmt::format("starts at byte {} of section {}, which holds definitions of {} bytes", symbol.value,
                            shown(section.name), size));
  Definition fields{};
  std::memcpy(&fields, bytes->data(), std::min<std::size_t>(sizeof fields, size));
  MapDef def;
  def.spec.name = symbol.name;
  def.spec.type = static_cast<MapType>(fields.type);
  def.spec.key_size = fields.key_size;
  def.spec.value_size = fields.value_size;
  def.spec.max_entries = fields.max_entries;
  def.spec.flags = fields.flags;
  def.origin = MapDef::Origin::legacy;
  def.section = section.name;
  if (source.btf != nullptr) add_types(*source.btf, def.spec);
  Extra extra = read_extra(source, fields, size, def);
  constexpr std::size_t kCommon = 20;
  const Bytes rest = bytes->subspan(std::min<std::size_t>(kCommon, size));
  if (size != kMiddleDefinition && size != kIproute2Definition &&
      std::any_of(rest.begin(), rest.end(), [](std::byte b) { return b != std::byte{0}; }))
    source.notes.add(
        fmt::format("{}: the definition has fields past map_flags that are not zero; they are ignored", where));
  extra.map = maps.add_at(section.index, symbol.value, std::move(def));
  return extra;
}

/// Gives maps of maps the look of those inside, and puts iproute2's into their slots.
void join_inner(const std::vector<Extra>& extras, MapTable& maps) {
  std::unordered_map<std::uint32_t, std::vector<std::uint32_t>> by_id;
  for (const Extra& extra : extras)
    if (extra.id != 0 && extra.inner_id == 0) by_id[extra.id].push_back(extra.map);
  std::unordered_map<std::uint32_t, std::uint32_t> slot_of;
  for (const Extra& extra : extras) slot_of.emplace(extra.map, extra.slot);
  std::uint32_t slots_left = kMaxLegacySlots;
  for (const Extra& extra : extras) {
    MapDef& outer = maps.defs()[extra.map];
    if (!is_map_of_maps(outer.spec.type)) continue;
    if (extra.by_number && extra.inner_id < extras.size()) {
      const MapSpec& inner = maps.defs()[extras[extra.inner_id].map].spec;
      if (!is_map_of_maps(inner.type)) outer.spec.inner = std::make_shared<MapSpec>(inner);
      continue;
    }
    const auto inside = extra.inner_id == 0 ? by_id.end() : by_id.find(extra.inner_id);
    if (inside == by_id.end()) continue;
    outer.spec.inner = std::make_shared<MapSpec>(maps.defs()[inside->second.front()].spec);
    // One map an id: with several, which of them is meant is anybody's guess.
    const std::uint32_t slot = inside->second.size() == 1 ? slot_of.at(inside->second.front()) : kNoSlot;
    if (slot >= std::min(outer.spec.max_entries, slots_left)) continue;
    slots_left -= slot + 1;
    outer.slots.resize(slot + 1);
    outer.slots[slot] = outer.spec.inner->name;
  }
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
  std::vector<Extra> extras;
  for (const elf::Symbol* symbol : symbols) {
    const auto extra = read_definition(source, section, *symbol, size, maps);
    if (!extra) return fail(extra.error());
    extras.push_back(*extra);
  }
  join_inner(extras, maps);
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
