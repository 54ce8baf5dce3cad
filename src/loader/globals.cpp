// Global variables: each `.rodata*`, `.data*` and `.bss*` section becomes an array map of one element, as in libbpf.
//
// Programs may not write `.rodata`. A section in which BTF names a variable that is not static may be mapped into user
// space.
#include <algorithm>
#include <limits>
#include <unordered_map>
#include <unordered_set>
#include <utility>

#include <fmt/format.h>

#include "loader/maps.hpp"
#include "loader/variables.hpp"

namespace skep::loader {
namespace {

using Origin = MapDef::Origin;

struct Family {
  std::string_view name;
  std::uint32_t type;  ///< of the ELF section
  Origin origin;
};
constexpr Family kFamilies[] = {
    {".rodata", elf::kProgbits, Origin::rodata},
    {".data", elf::kProgbits, Origin::data},
    {".bss", elf::kNobits, Origin::bss},
};
constexpr std::string_view kArenaSection = ".addr_space.1";  // globals of an arena, in libbpf's naming

const Family* family_of(const elf::Section& section) noexcept {
  for (const Family& family : kFamilies) {
    if (section.type != family.type || (section.flags & elf::kExecinstr) != 0) continue;
    if (!section.name.starts_with(family.name)) continue;
    const std::string_view rest = section.name.substr(family.name.size());
    if (rest.empty() || rest.front() == '.') return &family;
  }
  return nullptr;
}

/// The symbols that restrict a variable to the object: BTF calls it global all the same.
std::unordered_set<std::string_view> hidden_names(const elf::File& file) {
  constexpr std::uint8_t kInternal = 1, kHidden = 2;
  std::unordered_set<std::string_view> names;
  for (const elf::Symbol& symbol : file.symbols)
    if (symbol.visibility == kHidden || symbol.visibility == kInternal) names.insert(symbol.name);
  return names;
}

/// What BTF says of a section of variables.
struct Datasec {
  btf::TypeId id = 0;
  bool exports = false;    ///< a variable of it is visible outside the object
  bool described = false;  ///< its variables have gone to a section
};
using Datasecs = std::unordered_map<std::string_view, Datasec>;

/// By section name, each looked at once: sections that share a name share the answer, as in libbpf.
Datasecs read_datasecs(const Source& source) {
  Datasecs datasecs;
  if (source.btf == nullptr) return datasecs;
  const btf::Btf& btf = *source.btf;
  const auto hidden = hidden_names(source.file);
  for (btf::TypeId id = 1; id < btf.size(); ++id) {
    const btf::Type& type = btf.type(id);
    if (type.kind != btf::Kind::datasec) continue;
    const auto [entry, fresh] = datasecs.try_emplace(type.name, Datasec{.id = id});
    if (!fresh) continue;
    for (const btf::SectionVar& place : btf.section_vars(type)) {
      const btf::Type& var = btf.type(place.var);
      if (var.kind != btf::Kind::var) continue;
      entry->second.exports |= var.linkage != 0 && !hidden.contains(var.name);
    }
  }
  return datasecs;
}

Result<MapDef> define(const elf::Section& section, Origin origin) {
  if (auto named = check_name("section", section.name); !named) return fail(std::move(named).error());
  if (origin != Origin::bss && section.data.size() != section.size)
    return fail(ErrorCode::malformed, in_section(section.name), "its contents cannot be read");
  if (section.size > std::numeric_limits<std::uint32_t>::max())
    return fail(ErrorCode::limit, in_section(section.name),
                fmt::format("{} bytes of variables, a map value has at most 4294967295", section.size));
  MapDef def;
  def.spec.name = section.name;
  def.spec.type = MapType::array;
  def.spec.key_size = 4;
  def.spec.value_size = static_cast<std::uint32_t>(section.size);
  def.spec.max_entries = 1;
  def.spec.flags = origin == Origin::rodata ? map_flag::rdonly_prog : 0;
  def.origin = origin;
  def.section = section.name;
  def.contents.assign(section.data.begin(), section.data.end());
  return def;
}

/// Variables in an arena's address space: they lie in the one arena map the object declares.
Result<std::uint32_t> place_in_arena(const elf::Section& section, MapTable& maps) {
  constexpr std::uint64_t kPage = 4096;
  const auto malformed = [&](std::string what) {
    return fail(ErrorCode::malformed, in_section(section.name), std::move(what));
  };
  const auto& defs = maps.defs();
  const auto is_arena = [](const MapDef& def) { return def.spec.type == MapType::arena; };
  const auto arena = std::find_if(defs.begin(), defs.end(), is_arena);
  if (arena == defs.end()) return malformed("holds variables of an arena, but no arena map is declared");
  if (const auto other = std::find_if(arena + 1, defs.end(), is_arena); other != defs.end())
    return malformed(fmt::format("holds variables of an arena, but {} and {} are both arenas", shown(arena->spec.name),
                                 shown(other->spec.name)));
  const std::uint64_t room = arena->spec.max_entries * kPage;
  if (room != 0 && section.size > room)
    return malformed(fmt::format("holds {} bytes of variables, arena {} has {} pages", section.size,
                                 shown(arena->spec.name), arena->spec.max_entries));
  return static_cast<std::uint32_t>(arena - defs.begin());
}

}  // namespace

Result<void> read_globals(Source& source, MapTable& maps) {
  Datasecs datasecs = read_datasecs(source);
  const VariableSymbols symbols(source.file);
  std::size_t copied_bytes = 0;
  for (const elf::Section& section : source.file.sections) {
    const Family* family = family_of(section);
    const bool arena = section.name == kArenaSection && section.type == elf::kProgbits;
    if (section.size == 0 || (family == nullptr && !arena)) continue;
    copied_bytes += section.data.size();
    if (copied_bytes > source.input_bytes)
      return fail(ErrorCode::malformed, in_section(section.name), "sections of variables overlap in the file");
    if (arena) {
      const auto map = place_in_arena(section, maps);
      if (!map) return fail(map.error());
      maps.alias_data(section.index, *map);
      MapDef& def = maps.defs()[*map];
      def.contents.assign(section.data.begin(), section.data.end());
      const auto datasec = datasecs.find(section.name);
      const bool described = datasec != datasecs.end() && !std::exchange(datasec->second.described, true);
      def.variables = symbols.variables(section, source.btf.get(), described ? datasec->second.id : 0);
      continue;
    }
    auto def = define(section, family->origin);
    if (!def) return fail(std::move(def).error());
    if (maps.defs().size() >= kMaxMaps)
      return fail(ErrorCode::limit, in_section(section.name), fmt::format("at most {} maps are taken", kMaxMaps));
    btf::TypeId described_by = 0;
    if (const auto datasec = datasecs.find(section.name); datasec != datasecs.end()) {
      def->spec.btf_value_type = datasec->second.id;
      if (datasec->second.exports) def->spec.flags |= map_flag::mmapable;
      // The first section of a name is the one meant; going through BTF for each would cost the product of the two.
      if (!std::exchange(datasec->second.described, true)) described_by = datasec->second.id;
    }
    def->variables = symbols.variables(section, source.btf.get(), described_by);
    maps.add_data(section.index, std::move(*def));
  }
  return {};
}

}  // namespace skep::loader
