// The map table and the order in which it is filled.
#include "loader/maps.hpp"

namespace skep::loader {

std::uint32_t MapTable::add(MapDef def) {
  defs_.push_back(std::move(def));
  return static_cast<std::uint32_t>(defs_.size() - 1);
}

std::uint32_t MapTable::add_at(std::uint32_t section, std::uint64_t offset, MapDef def) {
  const std::uint32_t index = add(std::move(def));
  definition_sections_[section].try_emplace(offset, index);
  return index;
}

std::uint32_t MapTable::add_data(std::uint32_t section, MapDef def) {
  const std::uint32_t index = add(std::move(def));
  data_.try_emplace(section, index);
  return index;
}

std::optional<std::uint32_t> MapTable::at(std::uint32_t section, std::uint64_t offset) const {
  const auto places = definition_sections_.find(section);
  if (places == definition_sections_.end()) return std::nullopt;
  const auto place = places->second.find(offset);
  if (place == places->second.end()) return std::nullopt;
  return place->second;
}

std::optional<std::uint32_t> MapTable::data(std::uint32_t section) const {
  const auto found = data_.find(section);
  if (found == data_.end()) return std::nullopt;
  return found->second;
}

Result<MapTable> read_maps(Source& source) {
  MapTable maps;
  for (const auto read : {read_legacy_maps, read_btf_maps, read_globals})
    if (auto done = read(source, maps); !done) return fail(std::move(done).error());
  return maps;
}

std::unordered_map<std::string_view, std::uint64_t> symbol_offsets(const elf::File& file, std::uint32_t section) {
  std::unordered_map<std::string_view, std::uint64_t> offsets;
  for (const elf::Symbol& symbol : file.symbols)
    if (symbol.section == section && symbol.binding != static_cast<std::uint8_t>(elf::Binding::local))
      offsets.try_emplace(symbol.name, symbol.value);
  return offsets;
}

const elf::Section* maps_section(const elf::File& file) noexcept { return file.find(".maps"); }

}  // namespace skep::loader
