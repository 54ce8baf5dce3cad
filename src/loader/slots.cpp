// A pointer inside a map's declaration, past its `values` member, is a slot: its place says which, its symbol who is in
// it.
#include "loader/slots.hpp"

#include <algorithm>
#include <charconv>
#include <optional>
#include <unordered_set>

#include <fmt/format.h>

namespace skep::loader {
namespace {

constexpr std::uint64_t kPointer = 8;  // bytes, on the BPF target
constexpr std::uint32_t kSlotKey = 4;  // bytes of a slot's number

/// The bytes of a map's variable that hold slots.
struct SlotRange {
  std::uint64_t begin = 0;
  std::uint64_t end = 0;
  std::uint32_t map = 0;
};

/// The ranges of all maps with a `values` member, sorted; they do not overlap, so that slots are as many as the file
/// has room for.
Result<std::vector<SlotRange>> slot_ranges(const Source& source, const elf::Section& section, const MapTable& maps) {
  std::vector<SlotRange> ranges;
  const btf::Btf& btf = *source.btf;
  std::unordered_map<std::string_view, std::uint32_t> by_name;
  for (std::uint32_t i = 0; i < maps.defs().size(); ++i)
    if (maps.defs()[i].origin == MapDef::Origin::declared) by_name.try_emplace(maps.defs()[i].spec.name, i);
  std::unordered_map<std::uint32_t, std::uint64_t> offsets;
  for (const elf::Symbol& symbol : source.file.symbols) {
    const auto found = symbol.section == section.index ? by_name.find(symbol.name) : by_name.end();
    if (found != by_name.end()) offsets.try_emplace(found->second, symbol.value);
  }
  for (const btf::SectionVar& place : btf.section_vars(btf.type(btf.find(btf::Kind::datasec, section.name)))) {
    const btf::Type& var = btf.type(place.var);
    const auto members = btf.members(btf.type(btf.strip(var.ref)));
    const auto map = by_name.find(var.name);
    if (map == by_name.end() || members.empty() || members.back().name != "values") continue;
    const auto known = offsets.find(map->second);
    const std::uint64_t start = known != offsets.end() ? known->second : place.offset;
    ranges.push_back({.begin = start + members.back().bit_offset / 8, .end = start + place.size, .map = map->second});
  }
  std::sort(ranges.begin(), ranges.end(), [](const SlotRange& a, const SlotRange& b) { return a.begin < b.begin; });
  for (std::size_t i = 1; i < ranges.size(); ++i)
    if (ranges[i].begin < ranges[i - 1].end)
      return fail(ErrorCode::malformed, in_section(section.name),
                  fmt::format("maps {} and {} overlap", shown(maps.defs()[ranges[i - 1].map].spec.name),
                              shown(maps.defs()[ranges[i].map].spec.name)));
  return ranges;
}

/// The numbers of a section "ID/SLOT".
struct TailPlace {
  std::uint32_t id = 0;
  std::uint32_t slot = 0;
};

std::optional<TailPlace> tail_place(std::string_view section) {
  const auto number = [](std::string_view text) -> std::optional<std::uint32_t> {
    const int base = text.starts_with("0x") ? 16 : 10;
    if (base == 16) text.remove_prefix(2);
    std::uint32_t value = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value, base);
    if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
    return value;
  };
  const std::size_t slash = section.find('/');
  if (slash == std::string_view::npos) return std::nullopt;
  const auto id = number(section.substr(0, slash)), slot = number(section.substr(slash + 1));
  if (!id || !slot) return std::nullopt;
  return TailPlace{*id, *slot};
}

/// Puts programs where iproute2 puts them by the names of their sections.
void fill_tail_slots(const std::vector<std::shared_ptr<const program::Program>>& programs, MapTable& maps) {
  std::unordered_map<std::uint32_t, std::uint32_t> by_id;
  for (std::uint32_t i = 0; i < maps.defs().size(); ++i)
    if (const MapDef& def = maps.defs()[i]; def.id != 0 && def.spec.type == MapType::prog_array)
      by_id.try_emplace(def.id, i);
  if (by_id.empty()) return;
  std::uint32_t slots_left = kMaxLegacySlots;
  for (const auto& program : programs) {
    const auto place = tail_place(program->section);
    const auto map = place ? by_id.find(place->id) : by_id.end();
    if (map == by_id.end()) continue;
    MapDef& def = maps.defs()[map->second];
    const auto known = static_cast<std::uint32_t>(def.slots.size());
    if (place->slot >= def.spec.max_entries || place->slot >= known + slots_left) continue;
    if (place->slot >= known) {
      slots_left -= place->slot + 1 - known;
      def.slots.resize(place->slot + 1);
    }
    def.slots[place->slot] = program->name;
  }
}

}  // namespace

Result<void> read_slots(const Source& source, const std::vector<std::shared_ptr<const program::Program>>& programs,
                        MapTable& maps) {
  fill_tail_slots(programs, maps);
  const elf::Section* section = maps_section(source.file);
  if (section == nullptr) return {};
  const auto relocations = source.file.relocations(section->index);
  if (!relocations) return fail(relocations.error());
  if (relocations->empty()) return {};
  const auto ranges = slot_ranges(source, *section, maps);
  if (!ranges) return fail(ranges.error());
  std::unordered_set<std::string_view> program_names, map_names;
  for (const auto& program : programs) program_names.insert(program->name);
  for (const MapDef& def : maps.defs()) map_names.insert(def.spec.name);

  for (std::size_t i = 0; i < relocations->size(); ++i) {
    const elf::Relocation& relocation = (*relocations)[i];
    const auto malformed = [&](std::string what) {
      return fail(ErrorCode::malformed, in_section(section->name),
                  fmt::format("relocation {} at byte {} {}", i, relocation.offset, what));
    };
    const auto after = std::upper_bound(ranges->begin(), ranges->end(), relocation.offset,
                                        [](std::uint64_t at, const SlotRange& range) { return at < range.begin; });
    if (after == ranges->begin() || !in_bounds(relocation.offset, kPointer, std::prev(after)->end) ||
        relocation.symbol >= source.file.symbols.size())
      return malformed("fills no slot of a map");
    const SlotRange& range = *std::prev(after);
    MapDef& def = maps.defs()[range.map];
    const std::uint64_t slot = (relocation.offset - range.begin) / kPointer;
    if ((relocation.offset - range.begin) % kPointer != 0)
      return malformed(fmt::format("lies between two slots of map {}", shown(def.spec.name)));
    const std::string_view name = source.file.symbols[relocation.symbol].name;
    const bool programs_wanted = def.spec.type == MapType::prog_array;
    if (!(programs_wanted ? program_names : map_names).contains(name))
      return malformed(fmt::format("puts \"{}\" into map {}, which is no {} of the object", shown(name),
                                   shown(def.spec.name), programs_wanted ? "program" : "map"));
    if (def.spec.type == MapType::hash_of_maps && def.spec.key_size != kSlotKey)
      return malformed(fmt::format("fills a slot of map {}, whose keys have {} bytes, needs {}", shown(def.spec.name),
                                   def.spec.key_size, kSlotKey));
    if (def.slots.size() <= slot) def.slots.resize(slot + 1);
    def.slots[slot] = name;
  }
  return {};
}

}  // namespace skep::loader
