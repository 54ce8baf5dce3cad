// Variables are found in the spec and read and written in the values of the live maps, which the spec's places fit.
#include "api/variables.hpp"

#include <algorithm>
#include <array>
#include <cerrno>

#include <fmt/format.h>

#include "btf/btf.hpp"
#include "maps/copy.hpp"
#include "maps/map_storage.hpp"

namespace skep {
namespace {

using loader::MapDef;
using Origin = MapDef::Origin;

struct KindWords {
  ValueKind kind;
  std::string_view words;
};
constexpr std::array<KindWords, 7> kKindWords{{
    {ValueKind::bytes, "a struct or array"},
    {ValueKind::boolean, "a bool"},
    {ValueKind::character, "a char"},
    {ValueKind::signed_number, "a signed integer"},
    {ValueKind::unsigned_number, "an unsigned integer"},
    {ValueKind::enumeration, "an enum"},
    {ValueKind::floating, "a floating-point number"},
}};

std::string_view words_for(ValueKind kind) {
  return std::find_if(kKindWords.begin(), kKindWords.end(), [kind](const auto& row) { return row.kind == kind; })
      ->words;
}

/// True when an integer of BTF may be taken for `kind`.
bool int_is(const btf::Type& type, ValueKind kind) {
  constexpr std::uint8_t kSigned = 1, kBool = 4;
  if ((type.int_encoding & kBool) != 0) return kind == ValueKind::boolean || kind == ValueKind::unsigned_number;
  if (kind == ValueKind::enumeration) return true;
  if (kind == ValueKind::character) return type.size == 1;
  const bool has_sign = (type.int_encoding & kSigned) != 0;
  if (kind == ValueKind::signed_number) return has_sign || type.name == "char";
  return kind == ValueKind::unsigned_number && (!has_sign || type.name == "char");
}

/// True when a value of a type without typedefs and qualifiers may be taken for `kind`.
bool type_is(const btf::Type& type, ValueKind kind) {
  using btf::Kind;
  if (kind == ValueKind::bytes) return true;
  if (type.kind == Kind::int_) return int_is(type, kind);
  if (type.kind == Kind::enum_ || type.kind == Kind::enum64)
    return kind == ValueKind::enumeration || kind == ValueKind::signed_number || kind == ValueKind::unsigned_number;
  if (type.kind == Kind::float_) return kind == ValueKind::floating;
  return type.kind == Kind::ptr && kind == ValueKind::unsigned_number;
}

std::string where_of(const Variable& variable) { return fmt::format("variable {}", variable.name()); }

}  // namespace

bool holds_globals(const MapDef& def) noexcept {
  return def.origin == Origin::rodata || def.origin == Origin::data || def.origin == Origin::bss ||
         def.origin == Origin::kconfig;
}

const loader::GlobalVar& Variable::here() const { return owner_->spec.maps[map_].variables[index_]; }
const std::string& Variable::name() const { return here().name; }
const std::string& Variable::section() const { return owner_->spec.maps[map_].spec.name; }
std::size_t Variable::size() const { return here().bytes; }
std::size_t Variable::offset() const { return here().offset; }
bool Variable::local() const { return here().local; }
std::uint32_t Variable::btf_type() const { return here().btf_type; }

std::string Variable::declaration() const {
  const btf::Btf* btf = owner_->spec.btf.get();
  if (btf == nullptr || btf_type() == 0) return name();
  const btf::Type& type = btf->type(btf->strip(btf_type()));
  const auto element = type.kind == btf::Kind::array ? btf->size_of(type.ref).value_or(0) : 0;
  if (element != 0 && size() != std::uint64_t{element} * type.count)  // it was resized
    return btf::format_declaration(*btf, type.ref, fmt::format("{}[{}]", name(), size() / element));
  return btf::format_declaration(*btf, btf_type(), name());
}

Result<std::byte*> Variable::memory() const {
  const auto areas = owner_->maps[map_].storage()->value_areas();
  if (areas.empty()) return fail(ErrorCode::not_found, where_of(*this), fmt::format("map {} is not made", section()));
  return areas.front().base + here().offset;
}

Result<std::vector<std::byte>> Variable::read() const {
  const auto from = memory();
  if (!from) return fail(from.error());
  std::vector<std::byte> bytes(size());
  maps::copy_shared(bytes.data(), *from, bytes.size());
  return bytes;
}

Result<void> Variable::write(std::span<const std::byte> bytes) const {
  const auto to = memory();
  if (!to) return fail(to.error());
  if (bytes.size() != size())
    return fail(ErrorCode::invalid, where_of(*this), fmt::format("a value of {} bytes, needs {}", bytes.size(), size()),
                EINVAL);
  if (owner_->maps[map_].storage()->frozen())
    return fail(ErrorCode::invalid, where_of(*this), fmt::format("lies in {}, which is frozen", section()), EPERM);
  maps::copy_shared(*to, bytes.data(), bytes.size());
  return {};
}

Result<void> Variable::check(ValueKind kind, std::size_t size) const {
  const btf::Btf* btf = owner_->spec.btf.get();
  const bool typed = btf != nullptr && btf_type() != 0;
  if (size == this->size() && (!typed || type_is(btf->type(btf->strip(btf_type())), kind))) return {};
  return fail(ErrorCode::invalid, where_of(*this),
              fmt::format("is {}, {} bytes; asked for as {} of {}", declaration(), this->size(), words_for(kind), size),
              EINVAL);
}

std::vector<Variable> VariableFinder::all(const std::shared_ptr<const ObjectData>& object) {
  std::vector<Variable> variables;
  for (std::uint32_t map = 0; map < object->spec.maps.size(); ++map)
    for (std::uint32_t i = 0; holds_globals(object->spec.maps[map]) && i < object->spec.maps[map].variables.size(); ++i)
      variables.push_back(Variable(object, map, i));
  return variables;
}

Result<Variable> VariableFinder::find(const std::shared_ptr<const ObjectData>& object, std::string_view name,
                                      std::string_view section) {
  std::vector<Variable> found;
  for (std::uint32_t map = 0; map < object->spec.maps.size(); ++map) {
    const MapDef& def = object->spec.maps[map];
    if (!holds_globals(def) || (!section.empty() && def.spec.name != section)) continue;
    for (std::uint32_t i = 0; i < def.variables.size(); ++i)
      if (def.variables[i].name == name) found.push_back(Variable(object, map, i));
  }
  if (found.size() == 1) return found.front();
  const auto where = fmt::format("variable {}", name);
  if (found.size() > 1)
    return fail(ErrorCode::invalid, where,
                fmt::format("there are {}: in {} at byte {}, in {} at byte {}", found.size(), found[0].section(),
                            found[0].offset(), found[1].section(), found[1].offset()));
  return fail(ErrorCode::not_found, where,
              section.empty() ? fmt::format("{} has none of this name", object->spec.name)
                              : fmt::format("{} has none of this name in {}", object->spec.name, section));
}

Result<void*> section_memory(const ObjectData& object, std::string_view section, std::size_t bytes) {
  const auto& defs = object.spec.maps;
  const auto def = std::find_if(defs.begin(), defs.end(), [section](const MapDef& each) {
    return holds_globals(each) && each.spec.name == section;
  });
  const std::string where = fmt::format("section {}", section);
  if (def == defs.end())
    return fail(ErrorCode::not_found, where, fmt::format("{} has no variables of it", object.spec.name));
  const auto areas = object.maps[static_cast<std::size_t>(def - defs.begin())].storage()->value_areas();
  if (areas.empty()) return fail(ErrorCode::not_found, where, "its map is not made");
  if (areas.front().value_size < bytes)
    return fail(ErrorCode::invalid, where, fmt::format("has {} bytes, needs {}", areas.front().value_size, bytes));
  return areas.front().base;
}

void resize_variables(MapDef& def, const btf::Btf* btf, std::uint32_t bytes) {
  bool fits = false;
  if (!def.variables.empty() && btf != nullptr && def.spec.btf_value_type != 0) {
    loader::GlobalVar& last = def.variables.back();
    const btf::Type& type = btf->type(btf->strip(last.btf_type));
    const auto element = type.kind == btf::Kind::array ? btf->size_of(type.ref).value_or(0) : 0;
    fits = element != 0 && bytes >= last.offset && (bytes - last.offset) % element == 0;
    if (fits) last.bytes = bytes - last.offset;
  }
  if (!fits) def.spec.btf_key_type = def.spec.btf_value_type = 0;
  for (loader::GlobalVar& variable : def.variables) {
    variable.offset = std::min(variable.offset, bytes);
    variable.bytes = std::min(variable.bytes, bytes - variable.offset);
  }
}

}  // namespace skep
