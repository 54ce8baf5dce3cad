// An opened object as lines of text, so that a test can compare two of them and show what differs: programs with their
// relocated instructions, functions and source lines; maps with contents and variables; notes.
#pragma once

#include <string>

#include <fmt/format.h>

#include "btf/btf.hpp"
#include "loader/object_spec.hpp"
#include "program/program.hpp"

namespace skep::objects {

inline std::string hex(std::span<const std::byte> bytes) {
  std::string text;
  for (const std::byte byte : bytes) text += fmt::format("{:02x}", std::to_integer<unsigned>(byte));
  return text;
}

inline std::string text_of(const program::Program& program) {
  std::string text =
      fmt::format("program {} in {}, type {}\n", program.name, program.section, static_cast<unsigned>(program.type));
  for (const program::Subprog& each : program.subprogs)
    text += fmt::format("  function {} {} {}\n", each.name, each.start, each.end);
  for (const program::Line& each : program.lines)
    text += fmt::format("  line {} {}:{}:{} {}\n", each.pc, each.file, each.line, each.column, each.text);
  for (const program::Need& each : program.needs) text += fmt::format("  need {} {}\n", each.pc, each.name);
  for (const program::Poison& each : program.poisons) text += fmt::format("  poison {} {}\n", each.pc, each.what);
  for (const program::KfuncUse& each : program.kfuncs) text += fmt::format("  kfunc {} {}\n", each.pc, each.name);
  for (std::size_t pc = 0; pc < program.insns.size(); ++pc)
    text += fmt::format("  {}: {}\n", pc, hex(std::as_bytes(std::span(&program.insns[pc], 1))));
  return text;
}

inline std::string text_of(const btf::Btf* btf, const MapSpec& spec) {
  const auto declared = [&](std::uint32_t id) {
    return id == 0 || btf == nullptr ? std::string("-") : btf::format_declaration(*btf, id, "");
  };
  std::string text =
      fmt::format("map {} type {} key {} value {} entries {} flags {:#x} extra {} pinned {} of {} {}\n", spec.name,
                  static_cast<unsigned>(spec.type), spec.key_size, spec.value_size, spec.max_entries, spec.flags,
                  spec.map_extra, spec.pinned_by_name, declared(spec.btf_key_type), declared(spec.btf_value_type));
  if (spec.inner != nullptr) text += "  inner " + text_of(btf, *spec.inner);
  return text;
}

inline std::string text_of(const loader::ObjectSpec& object) {
  std::string text = fmt::format("license {} version {}\n", object.license, object.kernel_version);
  const btf::Btf* btf = object.btf.get();
  for (const loader::MapDef& def : object.maps) {
    text += text_of(btf, def.spec) + fmt::format("  in {}: {}\n", def.section, hex(def.contents));
    for (const loader::GlobalVar& each : def.variables)
      text += fmt::format("  {} at {}, {} bytes: {}\n", each.name, each.offset, each.bytes,
                          btf == nullptr ? "" : btf::format_declaration(*btf, each.btf_type, ""));
    for (const std::string& slot : def.slots) text += fmt::format("  slot {}\n", slot);
  }
  for (const auto& program : object.programs) text += text_of(*program);
  for (const std::string& note : object.notes) text += "note " + note + "\n";
  return text;
}

/// The first line in which two texts differ, of both; empty when they are the same.
inline std::string first_difference(std::string_view a, std::string_view b) {
  while (!a.empty() || !b.empty()) {
    const std::string_view line_a = a.substr(0, a.find('\n')), line_b = b.substr(0, b.find('\n'));
    if (line_a != line_b) return fmt::format("\"{}\" against \"{}\"", line_a, line_b);
    a.remove_prefix(std::min(a.size(), line_a.size() + 1));
    b.remove_prefix(std::min(b.size(), line_b.size() + 1));
  }
  return "";
}

}  // namespace skep::objects
