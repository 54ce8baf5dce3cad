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
          {"attach_btf_id", program.attach_btf_id},
          {"autoload", program.autoload},
          {"sleepable", program.sleepable},
          {"insns", program.insns.size()},
          {"subprogs", std::move(subprogs)},
          {"helpers", uses.helpers},
          {"maps", uses.maps},
          {"needs", program.need_names()},
          {"unresolved", unresolved_in(program)}};
}

Json type_json(const loader::ObjectSpec& object, std::uint32_t id) {
  if (object.btf == nullptr || id == 0) return nullptr;
  return btf::format_declaration(*object.btf, id, "");
}

Json spec_json(const loader::ObjectSpec& object, const MapSpec& spec) {
  Json json{{"name", spec.name},
            {"type", name_of(spec.type)},
            {"key_size", spec.key_size},
            {"key_type", type_json(object, spec.btf_key_type)},
            {"value_size", spec.value_size},
            {"value_type", type_json(object, spec.btf_value_type)},
            {"max_entries", spec.max_entries},
            {"flags", spec.flags},
            {"map_extra", spec.map_extra},
            {"numa_node", spec.numa_node},
            {"pinned_by_name", spec.pinned_by_name}};
  if (spec.inner != nullptr) json["inner"] = spec_json(object, *spec.inner);
  return json;
}

Json struct_ops_json(const loader::ObjectSpec& object, const loader::MapDef& def) {
  const loader::StructOps& ops = *def.struct_ops;
  Json members = Json::array();
  for (const loader::StructOps::Member& member : ops.members) {
    Json entry{{"name", member.name}, {"program", member.program}, {"offset", member.offset}};
    if (ops.kernel_type != 0) entry["kernel_offset"] = member.kernel_offset;
    members.push_back(std::move(entry));
  }
  return {{"type", ops.type_name},
          {"size", ops.declared_bytes},
          {"value", to_json({object.btf.get(), def.spec.btf_value_type}, def.contents)},
          {"members", std::move(members)},
          {"kernel_type", ops.kernel_type},
          {"kernel_value_type", ops.kernel_value_type},
          {"problem", ops.problem.empty() ? Json(nullptr) : Json(ops.problem)}};
}

Json map_json(const loader::ObjectSpec& object, const loader::MapDef& def) {
  Json json = spec_json(object, def.spec);
  json["autocreate"] = def.autocreate;
  if (!def.slots.empty()) json["slots"] = def.slots;
  if (def.struct_ops) json["struct_ops"] = struct_ops_json(object, def);
  return json;
}

void add_globals(Json& json, const loader::ObjectSpec& object, const loader::MapDef& def) {
  for (const loader::GlobalVar& variable : def.variables) {
    if (is_compilers_own(variable)) continue;
    const bool typed = object.btf != nullptr && variable.btf_type != 0;
    Json entry{{"name", variable.name},
               {"section", holds_globals(def) ? def.section : def.spec.name},
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
    add_globals(json["globals"], object, def);
    if (!holds_globals(def)) json["maps"].push_back(map_json(object, def));
  }
  return json;
}

std::string inspect_json_text(std::span<const loader::ObjectSpec> objects) {
  Json json = Json::array();
  for (const loader::ObjectSpec& object : objects) json.push_back(inspect_json(object));
  return json_text(json);
}

}  // namespace skep::cli
