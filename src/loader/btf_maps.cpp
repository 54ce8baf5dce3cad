// Maps declared in `.maps`: a struct whose members say, by their types, what the map is.
//
// A number n is written as a pointer to an array of n ints (__uint), or as an enum with one value (__ulong); a type as
// a pointer to it (__type); what the map holds as a flexible array of pointers (__array). Field names and checks are
// libbpf's.
#include <algorithm>
#include <optional>

#include <fmt/format.h>

#include "base/bits.hpp"
#include "loader/maps.hpp"

namespace skep::loader {
namespace {

using btf::Kind;
using Unexpected = tl::unexpected<Error>;

/// One declaration on its way to a MapSpec.
struct Declaration {
  const btf::Btf& btf;
  MapSpec& spec;
  std::string where;       ///< "map drops"
  bool inner = false;      ///< the declaration of the maps inside another
  bool last = false;       ///< the member being read is the struct's last
  std::uint32_t seen = 0;  ///< bits of the fields read so far

  [[nodiscard]] Unexpected malformed(std::string what) const {
    return fail(ErrorCode::malformed, where, std::move(what));
  }
};

Result<std::uint32_t> read_uint(const Declaration& decl, const btf::Member& member) {
  const btf::Type& pointer = decl.btf.type(decl.btf.strip(member.type));
  const btf::Type& array = decl.btf.type(pointer.ref);
  if (pointer.kind != Kind::ptr || array.kind != Kind::array)
    return decl.malformed(fmt::format("field {} is no pointer to an array, so it holds no number", shown(member.name)));
  return array.count;
}

Result<std::uint64_t> read_ulong(const Declaration& decl, const btf::Member& member) {
  const btf::Type& type = decl.btf.type(decl.btf.strip(member.type));
  if (type.kind != Kind::enum_ && type.kind != Kind::enum64) return read_uint(decl, member);
  const auto values = decl.btf.enumerators(type);
  if (values.size() != 1)
    return decl.malformed(fmt::format("field {} is an enum of {} values, needs 1", shown(member.name), values.size()));
  return values.front().value;
}

Result<void> set_size(const Declaration& decl, std::string_view what, std::uint32_t& size, std::uint32_t value) {
  if (size != 0 && size != value)
    return decl.malformed(fmt::format("{} size is given as {} and as {}", what, size, value));
  size = value;
  return {};
}

Result<void> read_type(const Declaration& decl, const btf::Member& member, std::uint32_t& size, std::uint32_t& id) {
  const btf::Type& pointer = decl.btf.type(member.type);
  if (pointer.kind != Kind::ptr) return decl.malformed(fmt::format("field {} is no pointer", shown(member.name)));
  const auto bytes = decl.btf.size_of(pointer.ref);
  if (!bytes) return decl.malformed(fmt::format("type of field {} has no size", shown(member.name)));
  if (auto set = set_size(decl, member.name, size, *bytes); !set) return set;
  id = pointer.ref;
  return {};
}

// One reader a field. Each takes the declaration and the member of that name.

template <std::uint32_t MapSpec::*Field>
Result<void> read_number(Declaration& decl, const btf::Member& member) {
  const auto value = read_uint(decl, member);
  if (!value) return fail(value.error());
  decl.spec.*Field = *value;
  return {};
}

Result<void> read_map_type(Declaration& decl, const btf::Member& member) {
  const auto value = read_uint(decl, member);
  if (!value) return fail(value.error());
  decl.spec.type = static_cast<MapType>(*value);
  return {};
}

Result<void> read_key_size(Declaration& decl, const btf::Member& member) {
  const auto value = read_uint(decl, member);
  return value ? set_size(decl, "key", decl.spec.key_size, *value) : fail(value.error());
}

Result<void> read_value_size(Declaration& decl, const btf::Member& member) {
  const auto value = read_uint(decl, member);
  return value ? set_size(decl, "value", decl.spec.value_size, *value) : fail(value.error());
}

Result<void> read_key(Declaration& decl, const btf::Member& member) {
  return read_type(decl, member, decl.spec.key_size, decl.spec.btf_key_type);
}

Result<void> read_value(Declaration& decl, const btf::Member& member) {
  return read_type(decl, member, decl.spec.value_size, decl.spec.btf_value_type);
}

Result<void> read_map_extra(Declaration& decl, const btf::Member& member) {
  const auto value = read_ulong(decl, member);
  if (!value) return fail(value.error());
  decl.spec.map_extra = *value;
  return {};
}

Result<void> read_pinning(Declaration& decl, const btf::Member& member) {
  if (decl.inner) return decl.malformed("an inner map cannot be pinned");
  const auto value = read_uint(decl, member);
  if (!value) return fail(value.error());
  if (*value > 1) return decl.malformed(fmt::format("pinning is {}, known are 0 and 1", *value));
  decl.spec.pinned_by_name = *value == 1;
  return {};
}

Result<void> read_declaration(Declaration& decl, const btf::Type& type);

Result<void> read_inner(Declaration& decl, const btf::Type& type) {
  if (type.kind != Kind::struct_) return decl.malformed("the maps it holds are not declared by a struct");
  auto spec = std::make_shared<MapSpec>();
  spec->name = decl.spec.name + ".inner";
  Declaration inner{.btf = decl.btf, .spec = *spec, .where = decl.where + ".inner", .inner = true};
  if (auto done = read_declaration(inner, type); !done) return done;
  decl.spec.inner = std::move(spec);
  return {};
}

Result<void> read_values(Declaration& decl, const btf::Member& member) {
  const bool holds_maps = decl.spec.type == MapType::array_of_maps || decl.spec.type == MapType::hash_of_maps;
  if (decl.inner) return decl.malformed("an inner map cannot hold maps or programs");
  if (!decl.last) return decl.malformed("field values must be the last one");
  if (!holds_maps && decl.spec.type != MapType::prog_array)
    return decl.malformed(
        fmt::format("field values needs a map of maps or a prog_array, type is {}", name_of(decl.spec.type)));
  if (auto set = set_size(decl, "value", decl.spec.value_size, 4); !set) return set;
  const btf::Type& array = decl.btf.type(member.type);
  if (array.kind != Kind::array || array.count != 0) return decl.malformed("field values is no array of open length");
  const btf::Type& pointer = decl.btf.type(decl.btf.strip(array.ref));
  if (pointer.kind != Kind::ptr) return decl.malformed("field values is no array of pointers");
  const btf::Type& held = decl.btf.type(decl.btf.strip(pointer.ref));
  if (holds_maps) return read_inner(decl, held);
  if (held.kind != Kind::func_proto) return decl.malformed("field values of a prog_array holds no functions");
  return {};
}

struct Field {
  std::string_view name;
  Result<void> (*read)(Declaration&, const btf::Member&);
};
constexpr Field kFields[] = {
    {"type", read_map_type},
    {"max_entries", read_number<&MapSpec::max_entries>},
    {"map_flags", read_number<&MapSpec::flags>},
    {"numa_node", read_number<&MapSpec::numa_node>},
    {"key_size", read_key_size},
    {"key", read_key},
    {"value_size", read_value_size},
    {"value", read_value},
    {"values", read_values},
    {"pinning", read_pinning},
    {"map_extra", read_map_extra},
};

Result<void> read_declaration(Declaration& decl, const btf::Type& type) {
  const auto members = decl.btf.members(type);
  std::size_t left = members.size();
  for (const btf::Member& member : members) {
    const Field* field = nullptr;
    for (const Field& row : kFields)
      if (row.name == member.name) field = &row;
    if (field == nullptr) return decl.malformed(fmt::format("field {} is not known", shown(member.name)));
    // Each field once: it keeps the work on hostile structs as small as the table above.
    const std::uint32_t bit = 1u << (field - kFields);
    if ((decl.seen & bit) != 0) return decl.malformed(fmt::format("field {} is given twice", field->name));
    decl.seen |= bit;
    decl.last = --left == 0;
    if (auto done = field->read(decl, member); !done) return done;
  }
  if (decl.spec.type == MapType::unspec) return decl.malformed("has no type");
  if (decl.spec.type == MapType::ringbuf || decl.spec.type == MapType::user_ringbuf)
    decl.spec.max_entries = ring_size(decl.spec.max_entries);
  return {};
}

Result<MapDef> read_variable(Source& source, const btf::Btf& btf, const btf::SectionVar& place,
                             const elf::Section& section) {
  const btf::Type& var = btf.type(place.var);
  if (var.name.empty()) return fail(ErrorCode::malformed, in_section(section.name), "a map has no name");
  if (auto named = check_name("map", var.name); !named) return fail(std::move(named).error());
  MapDef def;
  def.spec.name = var.name;
  def.section = section.name;
  Declaration decl{.btf = btf, .spec = def.spec, .where = fmt::format("map {}", shown(var.name))};
  if (!in_bounds(place.offset, place.size, section.data.size()))
    return decl.malformed(fmt::format("bytes {} to {} lie past the end of section {}, {} bytes", place.offset,
                                      std::uint64_t{place.offset} + place.size, shown(section.name),
                                      section.data.size()));
  constexpr std::uint32_t kStatic = 0;
  if (var.linkage == kStatic)
    source.notes.add(fmt::format("{}: is static, taken for a map like the others", decl.where));
  const btf::Type& type = btf.type(btf.strip(var.ref));
  if (type.kind != Kind::struct_) return decl.malformed("is not declared by a struct");
  if (type.size > place.size)
    return decl.malformed(fmt::format("takes {} bytes, its declaration {}", place.size, type.size));
  if (auto done = read_declaration(decl, type); !done) return fail(std::move(done).error());
  return def;
}

}  // namespace

std::uint32_t ring_size(std::uint32_t size) {
  constexpr std::uint64_t kPage = 4096;
  if (size == 0 || (size % kPage == 0 && std::has_single_bit(size))) return size;
  std::uint64_t raised = kPage;
  while (raised <= size) raised *= 2;
  return raised <= UINT32_MAX ? static_cast<std::uint32_t>(raised) : size;
}

Result<void> read_btf_maps(Source& source, MapTable& maps) {
  const elf::Section* section = maps_section(source.file);
  if (section == nullptr) return {};
  const btf::TypeId id = source.btf == nullptr ? 0 : source.btf->find(Kind::datasec, section->name);
  if (id == 0)
    return fail(ErrorCode::malformed, in_section(section->name), "BTF does not describe it, compile with -g");
  const btf::Btf& btf = *source.btf;
  const auto offsets = symbol_offsets(source.file, section->index);
  const auto places = btf.section_vars(btf.type(id));
  if (places.size() > kMaxMaps)
    return fail(ErrorCode::limit, in_section(section->name),
                fmt::format("{} maps, at most {} are taken", places.size(), kMaxMaps));
  std::vector<btf::SectionVar> placed(places.begin(), places.end());
  for (btf::SectionVar& place : placed)
    if (const auto symbol = offsets.find(btf.type(place.var).name); symbol != offsets.end())
      place.offset = static_cast<std::uint32_t>(std::min<std::uint64_t>(symbol->second, UINT32_MAX));
  std::sort(placed.begin(), placed.end(), [](const btf::SectionVar& a, const btf::SectionVar& b) {
    return a.offset != b.offset ? a.offset < b.offset : a.var < b.var;
  });
  constexpr std::uint32_t kExtern = 2;
  for (const btf::SectionVar& place : placed) {
    if (const btf::Type var = btf.type(place.var); var.linkage == kExtern) {
      source.notes.add(fmt::format("map {}: is declared by another object, link with that one", shown(var.name)));
      continue;
    }
    auto def = read_variable(source, btf, place, *section);
    if (!def) return fail(std::move(def).error());
    maps.add_at(section->index, place.offset, std::move(*def));
  }
  return {};
}

}  // namespace skep::loader
