// JSON files into live maps; every error names the file, the entry and the part of it.
#include "cli/preload_json.hpp"

#include <algorithm>

#include <fmt/format.h>

#include "cli/input.hpp"
#include "cli/object_facts.hpp"
#include "cli/value_json.hpp"

namespace skep::cli {
namespace {

struct Target {
  const Object& object;
  const Map& map;
  const loader::MapDef& def;
  const Building& building;

  [[nodiscard]] ValueType type(std::uint32_t id) const { return {object.spec().btf.get(), id}; }
};

/// Puts the place in front of an error from deeper inside.
tl::unexpected<Error> at(const std::string& place, const Error& error) {
  return fail(error.code, place, error.message(), error.sys);
}

Result<void> put_program(const Target& target, std::span<const std::byte> key, const std::string& name) {
  const auto program = target.object.program(name);
  if (!program) return fail(program.error());
  const auto executable = build(*program, target.building);
  if (!executable) return at("program " + name, executable.error());
  std::uint32_t index = 0;
  std::copy_n(key.begin(), std::min(key.size(), sizeof index), reinterpret_cast<std::byte*>(&index));
  return executable->put_into(target.map, index);
}

/// The value of every CPU, as Map::update() takes it.
Result<std::vector<std::byte>> read_value(const Target& target, const Json& entry) {
  const MapSpec& spec = target.map.spec();
  std::vector<std::byte> value(target.map.host_value_size());
  const std::size_t stride = target.map.per_cpu() ? (spec.value_size + 7) / 8 * 8 : spec.value_size;
  const unsigned cpus = target.map.per_cpu() ? target.map.cpus() : 1;
  const bool each = target.map.per_cpu() && entry.contains("values");
  if (!each && !entry.contains("value")) return fail(ErrorCode::malformed, "entry", "has no \"value\"");
  const Json& json = entry[each ? "values" : "value"];
  if (each && (!json.is_array() || json.size() != cpus))
    return fail(ErrorCode::malformed, "values", fmt::format("needs a list of {} values, one a CPU", cpus));
  for (unsigned cpu = 0; cpu < cpus; ++cpu) {
    const auto out = std::span(value).subspan(cpu * stride, spec.value_size);
    if (auto done = from_json(target.type(spec.btf_value_type), each ? json[cpu] : json, out); !done)
      return fail(ErrorCode::malformed, "value" + done.error().where, done.error().what);
  }
  return value;
}

Result<void> put_entry(const Target& target, const Json& entry) {
  if (!entry.is_object() || !entry.contains("key"))
    return fail(ErrorCode::malformed, "entry", "needs to be {\"key\": …, \"value\": …}");
  const MapSpec& spec = target.map.spec();
  std::vector<std::byte> key(spec.key_size);
  if (auto done = from_json(target.type(spec.btf_key_type), entry["key"], key); !done)
    return fail(ErrorCode::malformed, "key" + done.error().where, done.error().what);
  if (spec.type == MapType::prog_array) {
    if (!entry.contains("value") || !entry["value"].is_string())
      return fail(ErrorCode::malformed, "value", "needs to be the name of a program");
    return put_program(target, key, entry["value"].get<std::string>());
  }
  const auto value = read_value(target, entry);
  if (!value) return fail(value.error());
  return target.map.update(std::span<const std::byte>(key), std::span<const std::byte>(*value));
}

Result<void> put_all(const Target& target, const Json& json) {
  if (!json.is_array()) return fail(ErrorCode::malformed, "", "needs to be a list of {\"key\": …, \"value\": …}");
  for (std::size_t i = 0; i < json.size(); ++i)
    if (auto done = put_entry(target, json[i]); !done) return at(fmt::format("entry {}", i + 1), done.error());
  return {};
}

}  // namespace

namespace {

Result<Json> read_json(const std::string& path) {
  const auto text = read_text(path);
  if (!text) return fail(text.error());
  Json json = Json::parse(*text, nullptr, false, true);
  if (json.is_discarded()) return fail(ErrorCode::malformed, path, "is no JSON");
  return json;
}

Result<void> set_variable(const OpenObject& object, const Variable& variable, const Json& json) {
  std::vector<std::byte> bytes(variable.size());
  if (auto done = from_json({object.spec().btf.get(), variable.btf_type()}, json, bytes); !done)
    return fail(ErrorCode::malformed, printable(variable.name()) + done.error().where, done.error().what);
  return variable.write(bytes);
}

}  // namespace

Result<void> preload(const Object& object, const std::string& name, const std::string& path, const Building& building) {
  const auto map = object.map(name);
  if (!map) return fail(map.error());
  const auto json = read_json(path);
  if (!json) return fail(json.error());
  const auto& defs = object.spec().maps;
  const auto def = std::find_if(defs.begin(), defs.end(), [&](const auto& each) { return each.spec.name == name; });
  if (auto done = put_all({object, *map, *def, building}, *json); !done) return at(path, done.error());
  return {};
}

Result<void> preload_globals(const OpenObject& object, const std::string& section, const std::string& path) {
  const auto json = read_json(path);
  if (!json) return fail(json.error());
  if (!json->is_object()) return fail(ErrorCode::malformed, path, "needs to be {\"variable\": value, …}");
  for (const auto& [name, value] : json->items()) {
    const auto variable = object.variable(name, section);
    if (!variable) return at(path, variable.error());
    if (auto done = set_variable(object, *variable, value); !done) return at(path, done.error());
  }
  return {};
}

Result<void> set_global(const OpenObject& object, const std::string& name, const std::string& text) {
  const auto variable = object.variable(name);
  if (!variable) return fail(variable.error());
  const Json json = Json::parse(text, nullptr, false);
  if (auto done = set_variable(object, *variable, json.is_discarded() ? Json(text) : json); !done)
    return at("--global", done.error());
  return {};
}

}  // namespace skep::cli
