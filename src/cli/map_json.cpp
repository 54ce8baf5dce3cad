// The same views as map_text.cpp, exact instead of short.
#include "cli/map_json.hpp"

#include "cli/input.hpp"
#include "cli/map_view.hpp"
#include "cli/object_facts.hpp"

namespace skep::cli {
namespace {

ValueType typed(const Object& object, btf::TypeId id) { return {object.spec().btf.get(), id}; }

Json entry_json(const Object& object, const Map& map, const MapEntry& entry) {
  const MapSpec& spec = map.spec();
  const ValueType value_type = typed(object, spec.btf_value_type);
  Json json{{"key", to_json(typed(object, spec.btf_key_type), entry.key)}};
  if (!map.per_cpu()) {
    json["value"] = to_json(value_type, entry.value);
    return json;
  }
  const auto each = per_cpu_values(map, entry.value);
  json["values"] = Json::array();
  for (const auto value : each) json["values"].push_back(to_json(value_type, value));
  if (value_type.known())
    if (const auto sum = sum_of(*value_type.btf, value_type.id, each)) json["sum"] = to_json(value_type, *sum);
  return json;
}

}  // namespace

Json map_json(const Object& object, const Map& map, bool zeros) {
  const MapSpec& spec = map.spec();
  Json json{{"name", spec.name}, {"type", name_of(spec.type)}, {"max_entries", spec.max_entries}};
  json["entries"] = Json::array();
  if (holds_references(map)) return json;
  for (const MapEntry& entry : view_of(map, SIZE_MAX, zeros).entries)
    json["entries"].push_back(entry_json(object, map, entry));
  return json;
}

Json globals_json(const Object& object) {
  Json json = Json::array();
  const auto& defs = object.spec().maps;
  for (std::size_t i = 0; i < defs.size() && i < object.maps().size(); ++i) {
    if (!holds_globals(defs[i])) continue;
    const std::byte zero[4]{};
    const auto value = object.maps()[i].lookup(std::span<const std::byte>(zero));
    if (!value) continue;
    for (const loader::GlobalVar& variable : defs[i].variables) {
      if (is_compilers_own(variable)) continue;
      const auto bytes = std::span<const std::byte>(*value).subspan(variable.offset, variable.bytes);
      json.push_back({{"name", variable.name},
                      {"section", defs[i].section},
                      {"value", to_json(typed(object, variable.btf_type), bytes)}});
    }
  }
  return json;
}

Json events_json(const Object& object, const EventLog& log) {
  Json json{{"map", log.map.name()}, {"count", log.count}, {"lost", log.lost}, {"records", Json::array()}};
  for (const auto& record : log.kept) json["records"].push_back(to_json(typed(object, log.type), record));
  return json;
}

}  // namespace skep::cli
