// skep inspect: what an object file holds and asks for, without running or even making any of it.
#include <fmt/format.h>

#include "api/target_types.hpp"
#include "btf/btf.hpp"
#include "btf/c_dump.hpp"
#include "cli/exit_code.hpp"
#include "cli/input.hpp"
#include "cli/inspect_json.hpp"
#include "cli/inspect_maps.hpp"
#include "cli/object_facts.hpp"
#include "cli/quantity.hpp"
#include "cli/table.hpp"
#include "cli/value_text.hpp"
#include "cli/verbs.hpp"

namespace skep::cli {
namespace {

std::string joined(const std::vector<std::string>& names) {
  return printable(fmt::format("{}", fmt::join(names, ", ")));
}

/// The maps a program uses, without the sections of globals.
std::vector<std::string> declared_maps(const loader::ObjectSpec& object, const program::Program& program) {
  auto names = uses_of(object, program).maps;
  std::erase_if(names, [](const std::string& name) { return name.starts_with('.'); });
  return names;
}

void print_programs(const loader::ObjectSpec& object, const Paint& paint) {
  if (object.programs.empty()) return;
  fmt::print("\n{}\n", paint(Tone::strong, "programs"));
  Table table;
  table.column("name", Table::Align::left);
  table.column("type", Table::Align::left);
  table.column("section", Table::Align::left);
  table.column("insns", Table::Align::right);
  table.column("subprogs", Table::Align::right);
  table.column("maps", Table::Align::left);
  for (const auto& program : object.programs)
    table.row({printable(program->name), std::string(name_of(program->type)), printable(program->section),
               grouped(program->insns.size()),
               program->subprogs.size() > 1 ? grouped(program->subprogs.size() - 1) : "",
               joined(declared_maps(object, *program))});
  fmt::print("{}", table.text(paint));
}

/// One line a program for what is different from program to program and long.
void print_lists(const loader::ObjectSpec& object, const Paint& paint, const char* title,
                 std::vector<std::string> (*list)(const loader::ObjectSpec&, const program::Program&), Tone tone) {
  Table table;
  table.column("", Table::Align::left);
  table.column("", Table::Align::left);
  for (const auto& program : object.programs)
    if (const auto names = list(object, *program); !names.empty())
      table.row({printable(program->name), {joined(names), tone}});
  if (!table.empty()) fmt::print("\n{}\n{}", paint(Tone::strong, title), table.text(paint));
}

void print_globals(const loader::ObjectSpec& object, const Paint& paint) {
  Table table;
  for (int i = 0; i < 3; ++i) table.column("", Table::Align::left);
  for (const loader::MapDef& def : object.maps) {
    for (const loader::GlobalVar& variable : def.variables) {
      if (is_compilers_own(variable)) continue;
      const auto value = initial_value(def, variable);
      const bool typed = object.btf != nullptr && variable.btf_type != 0;
      table.row({{printable(holds_globals(def) ? def.section : def.spec.name), Tone::faint},
                 typed ? btf::format_declaration(*object.btf, variable.btf_type, variable.name)
                       : fmt::format("{} ({})", printable(variable.name), byte_count(variable.bytes)),
                 def.origin == loader::MapDef::Origin::kconfig  // known when it is loaded
                     ? ""
                     : "= " + value_text(object.btf.get(), variable.btf_type, value)});
    }
  }
  if (!table.empty()) fmt::print("\n{}\n{}", paint(Tone::strong, "globals"), table.text(paint));
}

void print_object(const loader::ObjectSpec& object) {
  const Paint paint = Paint::for_stdout();
  const std::string license =
      object.license.empty() ? "no license" : fmt::format("license \"{}\"", printable(object.license));
  fmt::print("{}  {}\n", paint(Tone::strong, printable(object.name)),
             paint(Tone::faint, fmt::format("{}, {}", license, object.btf != nullptr ? "BTF" : "no BTF")));
  print_programs(object, paint);
  print_lists(
      object, paint, "helpers", [](const auto& o, const auto& p) { return uses_of(o, p).helpers; }, Tone::plain);
  fmt::print("{}", maps_text(object, paint));
  print_globals(object, paint);
  print_lists(
      object, paint, "needs", [](const auto&, const auto& p) { return p.need_names(); }, Tone::bad);
  print_lists(
      object, paint, "unresolved", [](const auto&, const auto& p) { return unresolved_in(p); }, Tone::note);
  if (object.notes.empty()) return;
  fmt::print("\n{}\n", paint(Tone::strong, "notes"));
  for (const std::string& note : object.notes) fmt::print("  {}\n", printable(note));
}

/// All types of one file, which need not be a BPF object.
Result<std::string> types_as_c(const std::string& path, const TypesPtr& base) {
  const auto types = load_types(path == "-" ? "/dev/stdin" : path, base);
  return types ? btf::format_c(**types) : fail(types.error());
}

int print_types(const InspectOptions& options) {
  TypesPtr base;
  if (options.base_btf) {
    auto loaded = load_types(*options.base_btf);
    if (!loaded) return give_up(loaded.error());
    base = std::move(*loaded);
  }
  int code = exit_ok;
  for (const std::string& path : options.objects) {
    const auto text = types_as_c(path, base);
    if (text)
      fmt::print("{}", *text);
    else
      code = give_up(text.error());
  }
  return code;
}

}  // namespace

int inspect(const InspectOptions& options) {
  if (options.types) return print_types(options);
  std::vector<loader::ObjectSpec> objects;
  int code = exit_ok;
  for (const std::string& path : options.objects) {
    auto object = open_spec(path, options.btf);
    if (object)
      objects.push_back(std::move(*object));
    else
      code = give_up(object.error());
  }
  if (options.json) {
    fmt::print("{}", inspect_json_text(objects));
    return code;
  }
  for (std::size_t i = 0; i < objects.size(); ++i) {
    if (i != 0) fmt::print("\n");
    print_object(objects[i]);
  }
  return code;
}

}  // namespace skep::cli
