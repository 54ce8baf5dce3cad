// The object's map table while it grows, and how relocations find their way into it.
//
// Order is libbpf's: legacy definitions, then .maps, then global variables in section order; instructions name maps by
// their index here. A place in a section leads to one map: the first defined there.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "loader/object_spec.hpp"
#include "loader/source.hpp"

namespace skep::loader {

class MapTable {
 public:
  /// Adds a map that relocations name by its place in a section.
  std::uint32_t add_at(std::uint32_t section, std::uint64_t offset, MapDef def);
  /// Adds a map whose value is a whole section.
  std::uint32_t add_data(std::uint32_t section, MapDef def);
  /// Adds a map that no relocation names by its place.
  std::uint32_t add(MapDef def);
  /// Makes relocations to `section` lead into the value of a map that is there already.
  void alias_data(std::uint32_t section, std::uint32_t map) { data_.try_emplace(section, map); }

  /// True when the section holds map definitions.
  [[nodiscard]] bool defines_maps(std::uint32_t section) const { return definition_sections_.contains(section); }
  /// The map defined at this place.
  [[nodiscard]] std::optional<std::uint32_t> at(std::uint32_t section, std::uint64_t offset) const;
  /// The map whose value is this section.
  [[nodiscard]] std::optional<std::uint32_t> data(std::uint32_t section) const;

  [[nodiscard]] std::vector<MapDef>& defs() { return defs_; }
  [[nodiscard]] const std::vector<MapDef>& defs() const { return defs_; }

 private:
  std::vector<MapDef> defs_;
  std::unordered_map<std::uint32_t, std::unordered_map<std::uint64_t, std::uint32_t>> definition_sections_;
  std::unordered_map<std::uint32_t, std::uint32_t> data_;
};

/// Reads every map that the object defines, without the static initialisers of `.maps` (see slots.hpp).
[[nodiscard]] Result<MapTable> read_maps(Source& source);

// The three sources of maps, in the order of the table.
[[nodiscard]] Result<void> read_legacy_maps(Source& source, MapTable& maps);
[[nodiscard]] Result<void> read_btf_maps(Source& source, MapTable& maps);
[[nodiscard]] Result<void> read_globals(Source& source, MapTable& maps);

/// Where the global variables of a section lie by the symbol table, in bytes; clang leaves their offsets in BTF at 0.
[[nodiscard]] std::unordered_map<std::string_view, std::uint64_t> symbol_offsets(const elf::File& file,
                                                                                 std::uint32_t section);
/// max_entries of a ring buffer as libbpf takes it: what is no power of two of pages is raised to the next one.
[[nodiscard]] std::uint32_t ring_size(std::uint32_t size);
/// The section that holds BTF-defined maps, null when there is none.
[[nodiscard]] const elf::Section* maps_section(const elf::File& file) noexcept;

}  // namespace skep::loader
