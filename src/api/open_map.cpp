// Settings of maps and programs. A setting changes the object's spec; sections of globals, which live already, are made
// anew when their size changes.
#include <cerrno>
#include <cstring>

#include <fmt/format.h>

#include <skep/open_object.hpp>

#include "api/open_data.hpp"
#include "api/variables.hpp"
#include "base/bits.hpp"
#include "loader/maps.hpp"
#include "maps/map_storage.hpp"

namespace skep {
namespace {

tl::unexpected<Error> is_loaded(const ObjectData& object) {
  return fail(ErrorCode::exists, object.spec.name, "is loaded already", EBUSY);
}

/// Refuses to change what is the same for all sections of globals.
Result<void> check_changeable(const loader::MapDef& def, const char* what) {
  if (!holds_globals(def)) return {};
  return fail(ErrorCode::unsupported, "map " + def.spec.name, fmt::format("holds global variables, its {} stays", what),
              EOPNOTSUPP);
}

bool is_ring(MapType type) { return type == MapType::ringbuf || type == MapType::user_ringbuf; }

/// A section of globals as `def` now wants it, with as much of the old contents as fits.
Result<Map> remake(const loader::MapDef& def, const Map& old, std::uint64_t max_bytes) {
  auto storage = maps::create(def.spec, {.cpus = 1, .max_bytes = max_bytes});
  if (!storage) return fail(std::move(storage).error());
  const std::size_t kept = std::min(old.spec().value_size, def.spec.value_size);
  std::memcpy((*storage)->value_areas().front().base, old.storage()->value_areas().front().base, kept);
  if (old.storage()->frozen()) (*storage)->freeze();
  return Map::wrap(std::move(*storage));
}

}  // namespace

/// Changes the definition, which `apply` takes and may refuse.
template <class Change>
Result<void> OpenMap::change(Change apply) const {
  ObjectData& object = *owner_->object;
  if (owner_->loaded) return is_loaded(object);
  loader::MapDef changed = object.spec.maps[index_];
  if (Result<void> done = apply(changed); !done) return done;
  if (skep::holds_globals(changed)) {
    auto map = remake(changed, object.maps[index_], owner_->max_map_bytes);
    if (!map) return fail(std::move(map).error());
    object.maps[index_] = std::move(*map);
  }
  object.spec.maps[index_] = std::move(changed);
  return {};
}

const MapSpec& OpenMap::spec() const { return owner_->object->spec.maps[index_].spec; }
bool OpenMap::holds_globals() const { return skep::holds_globals(owner_->object->spec.maps[index_]); }
bool OpenMap::autocreate() const { return owner_->object->spec.maps[index_].autocreate; }

Result<void> OpenMap::set_autocreate(bool create) const {
  if (owner_->loaded) return is_loaded(*owner_->object);
  owner_->object->spec.maps[index_].autocreate = create;
  return {};
}

Result<void> OpenMap::set_type(MapType type) const {
  return change([type](loader::MapDef& def) -> Result<void> {
    def.spec.type = type;
    return check_changeable(def, "type");
  });
}

Result<void> OpenMap::set_key_size(std::uint32_t bytes) const {
  return change([bytes](loader::MapDef& def) -> Result<void> {
    def.spec.key_size = bytes;
    return check_changeable(def, "key");
  });
}

Result<void> OpenMap::set_value_size(std::uint32_t bytes) const {
  return change([this, bytes](loader::MapDef& def) -> Result<void> {
    if (def.origin == loader::MapDef::Origin::kconfig) return check_changeable(def, "value");
    if (skep::holds_globals(def)) resize_variables(def, owner_->object->spec.btf.get(), bytes);
    def.spec.value_size = bytes;
    return {};
  });
}

Result<void> OpenMap::set_max_entries(std::uint32_t entries) const {
  return change([entries](loader::MapDef& def) -> Result<void> {
    def.spec.max_entries = is_ring(def.spec.type) ? loader::ring_size(entries) : entries;
    return {};
  });
}

Result<void> OpenMap::set_flags(std::uint32_t flags) const {
  return change([flags](loader::MapDef& def) -> Result<void> {
    def.spec.flags = flags;
    return {};
  });
}

Result<void> OpenMap::set_map_extra(std::uint64_t extra) const {
  return change([extra](loader::MapDef& def) -> Result<void> {
    def.spec.map_extra = extra;
    return {};
  });
}

Result<void> OpenMap::set_numa_node(std::uint32_t node) const {
  return change([node](loader::MapDef& def) -> Result<void> {
    def.spec.numa_node = node;
    return {};
  });
}

Result<void> OpenMap::set_inner(const MapSpec& inner) const {
  return change([&inner](loader::MapDef& def) -> Result<void> {
    if (def.spec.type != MapType::array_of_maps && def.spec.type != MapType::hash_of_maps)
      return fail(ErrorCode::invalid, "map " + def.spec.name,
                  fmt::format("is a {}, in which no maps lie", name_of(def.spec.type)), EINVAL);
    def.spec.inner = std::make_shared<const MapSpec>(inner);
    return {};
  });
}

}  // namespace skep
