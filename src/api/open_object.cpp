// From bytes to an Object in two steps: open() reads and relocates, load() makes the maps.
#include <skep/open_object.hpp>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>

#include <fmt/format.h>

#include <skep/object.hpp>

#include "api/files.hpp"
#include "api/inner_maps.hpp"
#include "api/names.hpp"
#include "api/open_data.hpp"
#include "api/surroundings.hpp"
#include "api/variables.hpp"
#include "loader/left_out.hpp"
#include "maps/map_storage.hpp"

namespace skep {
namespace {

using Origin = loader::MapDef::Origin;

/// Address space that all maps together may still take.
struct Budget {
  std::uint64_t all;
  std::uint64_t left;

  Result<void> take(const maps::MapStorage& storage) {
    for (const maps::ValueArea& area : storage.value_areas()) {
      if (area.bytes > left)
        return fail(ErrorCode::limit, "map " + storage.spec().name,
                    fmt::format("all maps together would pass {} bytes", all), ENOMEM);
      left -= area.bytes;
    }
    return {};
  }
};

Result<Map> make_map(const loader::MapDef& def, unsigned cpus, Budget& budget) {
  auto storage = maps::create(def.spec, {.cpus = cpus, .max_bytes = budget.left});
  if (!storage && storage.error().code == ErrorCode::unsupported)
    return Map::wrap(maps::make_stand_in(def.spec, {.cpus = cpus}));
  if (!storage) return fail(std::move(storage).error());
  if (auto room = budget.take(**storage); !room) return fail(std::move(room).error());
  if (!def.contents.empty()) {
    const std::uint32_t zero = 0;
    const int error = (*storage)->write(reinterpret_cast<const std::byte*>(&zero), def.contents.data(), 0);
    if (error != 0)
      return fail(ErrorCode::invalid, "map " + def.spec.name,
                  fmt::format("initial contents: {}", std::strerror(-error)), -error);
  }
  return Map::wrap(std::move(*storage));
}

/// Refuses options for maps that the object does not have.
template <class ByName>
Result<void> check_names(const ByName& by_name, const char* option, const loader::ObjectSpec& spec) {
  for (const auto& [map_name, value] : by_name) {
    const auto is_it = [&map_name = map_name](const loader::MapDef& def) { return def.spec.name == map_name; };
    if (std::none_of(spec.maps.begin(), spec.maps.end(), is_it))
      return fail(ErrorCode::not_found, option, fmt::format("the object has no map {}", map_name));
  }
  return {};
}

/// Puts what the application may have changed into the value for the kernel.
void carry_over(loader::MapDef& def) {
  for (const loader::StructOps::Copy& each : def.struct_ops->copies)
    std::memcpy(&def.struct_ops->kernel_value[each.kernel_offset], &def.contents[each.offset], each.bytes);
}

/// What the application asks for; perf event arrays that are given no size get one buffer a CPU, as libbpf has it.
Result<void> apply(const ObjectOptions& options, unsigned cpus, loader::ObjectSpec& spec) {
  if (auto named = check_names(options.max_entries, "max_entries", spec); !named) return named;
  if (auto named = check_names(options.inner_maps, "inner_maps", spec); !named) return named;
  for (loader::MapDef& def : spec.maps) {
    if (const auto size = options.max_entries.find(def.spec.name); size != options.max_entries.end())
      def.spec.max_entries = size->second;
    if (def.spec.type == MapType::perf_event_array && def.spec.max_entries == 0) def.spec.max_entries = cpus;
    if (const auto inner = options.inner_maps.find(def.spec.name); inner != options.inner_maps.end())
      def.spec.inner = std::make_shared<const MapSpec>(inner->second);
  }
  return {};
}

}  // namespace

Result<OpenObject> OpenObject::open_file(const std::string& path, const ObjectOptions& options) {
  auto bytes = read_file(path, options.max_file_bytes);
  if (!bytes) return fail(std::move(bytes).error());
  return open(*bytes, std::filesystem::path(path).filename().string(), options);
}

Result<OpenObject> OpenObject::open_file(const std::string& path) { return open_file(path, ObjectOptions{}); }

Result<OpenObject> OpenObject::open(std::span<const std::byte> bytes, std::string name) {
  return open(bytes, std::move(name), ObjectOptions{});
}

Result<OpenObject> OpenObject::open(std::span<const std::byte> bytes, std::string name, const ObjectOptions& options) {
  auto spec = loader::parse_object(
      bytes, std::move(name), [&options] { return read_target_btf(options); }, surroundings_of(options));
  if (!spec) return fail(std::move(spec).error());
  auto host = options.host != nullptr ? options.host : make_process_host();
  if (auto applied = apply(options, host->cpu_count(), *spec); !applied) return fail(std::move(applied).error());
  auto data = std::make_shared<OpenData>();
  data->max_map_bytes = options.max_map_bytes;
  data->object = std::make_shared<ObjectData>();
  ObjectData& object = *data->object;
  object.spec = std::move(*spec);
  object.target_btf = options.target_btf;
  object.target_btf_base = options.target_btf_base;
  object.host = std::move(host);
  Budget budget{options.max_map_bytes, options.max_map_bytes};
  for (const loader::MapDef& def : object.spec.maps) {
    auto map =
        holds_globals(def) ? make_map(def, object.host->cpu_count(), budget) : Map::wrap(maps::make_stand_in(def.spec));
    if (!map) return fail(std::move(map).error());
    if (def.origin == Origin::kconfig) map->storage()->freeze();
    object.maps.push_back(std::move(*map));
  }
  return OpenObject(std::move(data));
}

Result<std::span<std::byte>> OpenObject::initial_value(std::string_view map) const {
  const auto index = find_map(data_->object->spec, map);
  if (!index) return fail(index.error());
  loader::MapDef& def = data_->object->spec.maps[*index];
  if (!def.struct_ops && (def.spec.type != MapType::arena || def.contents.empty()))
    return fail(ErrorCode::not_found, fmt::format("map {}", map), "begins with nothing of the object's");
  return std::span(def.contents);
}

Result<Object> OpenObject::load() const {
  if (data_->loaded) return fail(ErrorCode::exists, name(), "is loaded already", EBUSY);
  ObjectData& object = *data_->object;
  const auto& defs = object.spec.maps;
  std::vector<Map> made;
  Budget budget{data_->max_map_bytes, data_->max_map_bytes};
  for (std::size_t i = 0; i < defs.size(); ++i) {
    auto map = !defs[i].autocreate      ? Map::wrap(maps::make_stand_in(defs[i].spec))
               : holds_globals(defs[i]) ? object.maps[i]
                                        : make_map(defs[i], object.host->cpu_count(), budget);
    if (!map) return fail(std::move(map).error());
    if (holds_globals(defs[i]))
      if (auto room = budget.take(*map->storage()); !room) return fail(std::move(room).error());
    made.push_back(std::move(*map));
  }
  if (auto filled = fill_inner_maps(object.spec, made); !filled) return fail(std::move(filled).error());

  for (std::size_t i = 0; i < defs.size(); ++i) {
    object.filled_arrays.push_back(defs[i].spec.type != MapType::prog_array || defs[i].slots.empty() ||
                                   !defs[i].autocreate);
    if (defs[i].origin == Origin::rodata) made[i].storage()->freeze();
  }
  for (loader::MapDef& def : object.spec.maps)
    if (def.struct_ops && !def.struct_ops->kernel_value.empty()) carry_over(def);
  for (auto& program : object.spec.programs) program = loader::without_left_out_maps(std::move(program), defs);
  object.maps = std::move(made);
  data_->loaded = true;
  return Object(data_->object);
}

const std::string& OpenObject::name() const { return data_->object->spec.name; }
const loader::ObjectSpec& OpenObject::spec() const { return data_->object->spec; }
const std::string& OpenObject::license() const { return data_->object->spec.license; }
const std::vector<std::string>& OpenObject::notes() const { return data_->object->spec.notes; }

std::vector<OpenMap> OpenObject::maps() const {
  std::vector<OpenMap> maps;
  for (std::uint32_t i = 0; i < data_->object->maps.size(); ++i) maps.push_back(OpenMap(data_, i));
  return maps;
}

std::vector<OpenProgram> OpenObject::programs() const {
  std::vector<OpenProgram> programs;
  for (std::uint32_t i = 0; i < data_->object->spec.programs.size(); ++i) programs.push_back(OpenProgram(data_, i));
  return programs;
}

Result<OpenMap> OpenObject::map(std::string_view name) const {
  const auto index = find_map(data_->object->spec, name);
  if (!index) return fail(index.error());
  return OpenMap(data_, *index);
}

Result<OpenProgram> OpenObject::program(std::string_view name) const {
  const auto index = find_program(data_->object->spec, name);
  if (!index) return fail(index.error());
  return OpenProgram(data_, *index);
}

std::vector<Variable> OpenObject::variables() const { return VariableFinder::all(data_->object); }

Result<Variable> OpenObject::variable(std::string_view name, std::string_view section) const {
  return VariableFinder::find(data_->object, name, section);
}

Result<void*> OpenObject::section_memory(std::string_view section, std::size_t bytes) const {
  return skep::section_memory(*data_->object, section, bytes);
}

}  // namespace skep
