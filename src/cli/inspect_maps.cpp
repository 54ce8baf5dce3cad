// One row a map; what few maps have gets a table of its own.
#include "cli/inspect_maps.hpp"

#include <fmt/format.h>

#include "btf/btf.hpp"
#include "cli/input.hpp"
#include "cli/object_facts.hpp"
#include "cli/quantity.hpp"
#include "cli/table.hpp"

namespace skep::cli {
namespace {

/// "struct counter (24 B)"; the size alone where the type is not known.
std::string type_cell(const loader::ObjectSpec& object, std::uint32_t type, std::uint32_t size) {
  if (size == 0 && type == 0) return {};
  if (object.btf == nullptr || type == 0) return byte_count(size);
  return fmt::format("{} ({})", btf::format_declaration(*object.btf, type, ""), byte_count(size));
}

std::string entries_cell(const MapSpec& spec) {
  const bool bytes = spec.type == MapType::ringbuf || spec.type == MapType::user_ringbuf;
  if (spec.type == MapType::arena) return counted(spec.max_entries, "page");
  return bytes ? grouped(spec.max_entries) + " B" : grouped(spec.max_entries);
}

std::string flags_cell(const MapSpec& spec, bool autocreate) {
  std::vector<std::string> words;
  if (spec.flags != 0) words.push_back(flag_names(spec.flags));
  if ((spec.flags & map_flag::numa_node) != 0) words.push_back(fmt::format("node {}", spec.numa_node));
  if (spec.map_extra != 0) words.push_back(fmt::format("extra {:#x}", spec.map_extra));
  if (spec.pinned_by_name) words.emplace_back("pinned by name");
  if (!autocreate) words.emplace_back("on demand");
  return fmt::format("{}", fmt::join(words, ", "));
}

Table map_table() {
  Table table;
  table.column("name", Table::Align::left);
  table.column("type", Table::Align::left);
  table.column("entries", Table::Align::right);
  table.column("key", Table::Align::left);
  table.column("value", Table::Align::left);
  table.column("flags", Table::Align::left);
  return table;
}

void add_row(const loader::ObjectSpec& object, const MapSpec& spec, std::uint32_t value_size, bool autocreate,
             Table& table) {
  table.row({printable(spec.name), std::string(name_of(spec.type)), entries_cell(spec),
             type_cell(object, spec.btf_key_type, spec.key_size), type_cell(object, spec.btf_value_type, value_size),
             flags_cell(spec, autocreate)});
}

/// "[1] tail_one, [3] tail_two".
std::string slots_cell(const loader::MapDef& def) {
  std::vector<std::string> words;
  for (std::size_t slot = 0; slot < def.slots.size(); ++slot)
    if (!def.slots[slot].empty()) words.push_back(fmt::format("[{}] {}", slot, printable(def.slots[slot])));
  return fmt::format("{}", fmt::join(words, ", "));
}

/// "start=on_start, stop=on_stop".
std::string members_cell(const loader::StructOps& ops) {
  std::vector<std::string> words;
  for (const loader::StructOps::Member& member : ops.members)
    words.push_back(fmt::format("{}={}", printable(member.name), printable(member.program)));
  return fmt::format("{}", fmt::join(words, ", "));
}

std::string titled(std::string_view title, const Table& table, const Paint& paint) {
  if (table.empty()) return {};
  return fmt::format("\n{}\n{}", paint(Tone::strong, title), table.text(paint));
}

}  // namespace

std::string maps_text(const loader::ObjectSpec& object, const Paint& paint) {
  Table maps = map_table(), inner = map_table(), slots, struct_ops;
  for (Table* table : {&slots, &struct_ops})
    for (int i = 0; i < 2; ++i) table->column("", Table::Align::left);
  for (const loader::MapDef& def : object.maps) {
    if (holds_globals(def)) continue;
    const std::uint32_t value_size = def.struct_ops ? def.struct_ops->declared_bytes : def.spec.value_size;
    add_row(object, def.spec, value_size, def.autocreate, maps);
    if (def.spec.inner != nullptr) add_row(object, *def.spec.inner, def.spec.inner->value_size, true, inner);
    if (!def.slots.empty()) slots.row({printable(def.spec.name), slots_cell(def)});
    if (def.struct_ops) struct_ops.row({printable(def.spec.name), members_cell(*def.struct_ops)});
  }
  return titled("maps", maps, paint) + titled("inner maps", inner, paint) + titled("initial slots", slots, paint) +
         titled("struct_ops", struct_ops, paint);
}

}  // namespace skep::cli
