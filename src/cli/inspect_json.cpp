// Plain facts, no prose.
#include "cli/inspect_json.hpp"

#include "cli/object_facts.hpp"

namespace skep::cli {
namespace {

Json program_json(const loader::ObjectSpec& object, const program::Program& program) {
  const Uses uses = uses_of(object, program);
  Json subprogs = Json::array();
  for (const program::Subprog& subprog : program.subprogs)
    subprogs.push_back({{"name", subprog.name}, {"start", subprog.start}, {"end", subprog.end}});
  return {{"name", program.name},
          {"section", program.section},
          {"type", name_of(program.type)},
          {"expected_attach_type", program.expected_attach_type},
          {"attach_target", program.attach_target},
          {"sleepable", program.sleepable},
          {"insns", program.insns.size()},
          {"subprogs", std::move(subprogs)},
          {"helpers", uses.helpers},
          {"maps", uses.maps},
          {"needs", program.need_names()},
          {"unresolved", unresolved_in(program)}};
}

Json map_json(const loader::ObjectSpec& object, const loader::MapDef& def) {
  const MapSpec& spec = def.spec;
  const auto type_name = [&](std::uint32_t id) -> Json {
    if (object.btf == nullptr || id == 0) return nullptr;
    return btf::format_declaration(*object.btf, id, "");
  };
  Json json{{"name", spec.name},
            {"type", name_of(spec.type)},
            {"key_size", spec.key_size},
            {"key_type", type_name(spec.btf_key_type)},
            {"value_size", spec.value_size},
            {"value_type", type_name(spec.btf_value_type)},
            {"max_entries", spec.max_entries},
            {"flags", spec.flags},
            {"pinned_by_name", spec.pinned_by_name}};
  if (!def.slots.empty()) json["slots"] = def.slots;
  return json;
}

void add_globals(Json& json, const loader::ObjectSpec& object, const loader::MapDef& def) {
  for (const loader::GlobalVar& variable : def.variables) {
    if (is_compilers_own(variable)) continue;
    const bool typed = object.btf != nullptr && variable.btf_type != 0;
    Json entry{{"name", variable.name},
               {"section", def.section},
               {"type", typed ? Json(btf::format_declaration(*object.btf, variable.btf_type, "")) : Json(nullptr)},
               {"size", variable.bytes}};
    const auto value = initial_value(def, variable);
    const bool known = def.origin != loader::MapDef::Origin::kconfig;
    entry["value"] = known ? to_json({object.btf.get(), variable.btf_type}, value) : Json(nullptr);
    json.push_back(std::move(entry));
  }
}

}  // namespace

Json inspect_json(const loader::ObjectSpec& object) {
  Json json{{"name", object.name},          {"license", object.license}, {"kernel_version", object.kernel_version},
            {"btf", object.btf != nullptr}, {"programs", Json::array()}, {"maps", Json::array()},
            {"globals", Json::array()},     {"notes", object.notes}};
  for (const auto& program : object.programs) json["programs"].push_back(program_json(object, *program));
  for (const loader::MapDef& def : object.maps) {
    if (holds_globals(def))
      add_globals(json["globals"], object, def);
    else
      json["maps"].push_back(map_json(object, def));
  }
  return json;
}

std::string inspect_json_text(std::span<const loader::ObjectSpec> objects) {
  Json json = Json::array();
  for (const loader::ObjectSpec& object : objects) json.push_back(inspect_json(object));
  return json_text(json);
}

}  // namespace skep::cli
