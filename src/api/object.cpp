// From bytes to an Object: parse, make the maps, fill in what the file says about their contents.
#include <skep/object.hpp>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>

#include <fmt/format.h>

#include "api/files.hpp"
#include "api/object_data.hpp"
#include "api/static_slots.hpp"
#include "api/surroundings.hpp"
#include "maps/map_storage.hpp"

namespace skep {
namespace {

/// Makes one map of the object. `budget` is the address space all of them may still take.
Result<Map> make_map(const loader::MapDef& def, const ObjectOptions& options, unsigned cpus, std::uint64_t& budget) {
  MapSpec spec = def.spec;
  const std::string where = "map " + spec.name;
  if (const auto size = options.max_entries.find(spec.name); size != options.max_entries.end())
    spec.max_entries = size->second;
  if (const auto inner = options.inner_maps.find(spec.name); inner != options.inner_maps.end())
    spec.inner = std::make_shared<const MapSpec>(inner->second);
  auto storage = maps::create(spec, {.cpus = cpus, .max_bytes = budget});
  if (!storage && storage.error().code == ErrorCode::unsupported)
    return Map::wrap(maps::make_stand_in(spec, {.cpus = cpus}));
  if (!storage) return fail(std::move(storage).error());
  for (const maps::ValueArea& area : (*storage)->value_areas()) {
    if (area.bytes > budget)
      return fail(ErrorCode::limit, where, fmt::format("all maps together would pass {} bytes", options.max_map_bytes),
                  ENOMEM);
    budget -= area.bytes;
  }
  if (!def.contents.empty()) {
    const std::uint32_t zero = 0;
    const int error = (*storage)->write(reinterpret_cast<const std::byte*>(&zero), def.contents.data(), 0);
    if (error != 0)
      return fail(ErrorCode::invalid, where, fmt::format("initial contents: {}", std::strerror(-error)), -error);
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

template <class Things, class NameOf>
std::string list_names(const Things& things, NameOf name_of) {
  std::vector<std::string> names;
  std::transform(std::begin(things), std::end(things), std::back_inserter(names), name_of);
  return names.empty() ? "it has none" : fmt::format("it has: {}", fmt::join(names, ", "));
}

}  // namespace

Result<Object> Object::load_file(const std::string& path, const ObjectOptions& options) {
  auto bytes = read_file(path, options.max_file_bytes);
  if (!bytes) return fail(std::move(bytes).error());
  return load(*bytes, std::filesystem::path(path).filename().string(), options);
}

Result<Object> Object::load(std::span<const std::byte> bytes, std::string name, const ObjectOptions& options) {
  auto spec = loader::parse_object(
      bytes, std::move(name), [&options] { return read_target_btf(options); }, surroundings_of(options));
  if (!spec) return fail(std::move(spec).error());
  if (auto named = check_names(options.max_entries, "max_entries", *spec); !named)
    return fail(std::move(named).error());
  if (auto named = check_names(options.inner_maps, "inner_maps", *spec); !named) return fail(std::move(named).error());
  auto data = std::make_shared<ObjectData>();
  data->spec = std::move(*spec);
  data->host = options.host != nullptr ? options.host : make_process_host();
  std::uint64_t budget = options.max_map_bytes;
  for (const loader::MapDef& def : data->spec.maps) {
    auto map = make_map(def, options, data->host->cpu_count(), budget);
    if (!map) return fail(std::move(map).error());
    data->maps.push_back(std::move(*map));
    data->filled_arrays.push_back(def.spec.type != MapType::prog_array || def.slots.empty());
  }
  if (auto filled = fill_inner_maps(data->spec, data->maps); !filled) return fail(std::move(filled).error());
  return Object(std::move(data));
}

const std::string& Object::name() const { return data_->spec.name; }
const std::string& Object::license() const { return data_->spec.license; }
const std::vector<std::string>& Object::notes() const { return data_->spec.notes; }
const loader::ObjectSpec& Object::spec() const { return data_->spec; }
std::span<const Map> Object::maps() const { return data_->maps; }

std::vector<Program> Object::programs() const {
  std::vector<Program> programs;
  for (const auto& program : data_->spec.programs) programs.push_back(Program(data_, program));
  return programs;
}

Result<Program> Object::program(std::string_view name) const {
  const auto& programs = data_->spec.programs;
  const auto found = std::find_if(programs.begin(), programs.end(), [name](const auto& p) { return p->name == name; });
  if (found != programs.end()) return Program(data_, *found);
  return fail(ErrorCode::not_found, data_->spec.name,
              fmt::format("has no program {}; {}", name, list_names(programs, [](const auto& p) { return p->name; })));
}

Result<Map> Object::map(std::string_view name) const {
  const auto found =
      std::find_if(data_->maps.begin(), data_->maps.end(), [name](const Map& m) { return m.name() == name; });
  if (found != data_->maps.end()) return *found;
  return fail(ErrorCode::not_found, data_->spec.name,
              fmt::format("has no map {}; {}", name, list_names(data_->maps, [](const Map& m) { return m.name(); })));
}

}  // namespace skep
