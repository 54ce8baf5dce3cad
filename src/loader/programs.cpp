// Section names become program types here; names outside libbpf's rules are guessed, and a note says so.
#include "loader/programs.hpp"

#include <algorithm>

#include <fmt/format.h>

#include "abi/sections.hpp"

namespace skep::loader {
namespace {

constexpr std::string_view kSubprogSection = ".text";

/// What all programs of a section have in common.
program::Program describe_section(Source& source, std::string_view name) {
  program::Program program;
  program.section = name;
  program.autoload = !name.starts_with('?');
  const abi::SectionKind* kind = abi::find_section_kind(name);
  if (kind == nullptr && name != kSubprogSection) {
    kind = abi::guess_section_kind(name);
    source.notes.add(kind == nullptr ? fmt::format("section {}: the name stands for no program type", shown(name))
                                     : fmt::format("section {}: taken for a {} program by the start of its name",
                                                   shown(name), name_of(kind->type)));
  }
  if (kind == nullptr) return program;
  program.type = kind->type;
  program.expected_attach_type = kind->attach_type;
  program.sleepable = kind->sleepable;
  program.attach_target = abi::section_target(*kind, name);
  return program;
}

struct Entries {
  const CodeSection* section;
  std::vector<const Function*> functions;
};

/// The functions of all sections that `section_fits`, without the local ones unless `with_local`.
template <class Fits>
std::vector<Entries> collect(const Code& code, Fits section_fits, bool with_local) {
  std::vector<Entries> all;
  for (const CodeSection& section : code.sections) {
    if (!section_fits(section)) continue;
    Entries entries{.section = &section, .functions = {}};
    for (std::uint32_t i = section.first_function; i < section.end_function; ++i)
      if (with_local || !code.functions[i].local) entries.functions.push_back(&code.functions[i]);
    if (!entries.functions.empty()) all.push_back(std::move(entries));
  }
  return all;
}

std::vector<Entries> find_entries(Source& source, const Code& code) {
  auto entries = collect(
      code, [](const CodeSection& section) { return section.name != kSubprogSection; }, true);
  if (!entries.empty()) return entries;
  entries = collect(
      code, [](const CodeSection&) { return true; }, false);
  if (!entries.empty()) source.notes.add("all code is in .text: its global functions are taken for programs");
  return entries;
}

}  // namespace

Result<std::vector<std::shared_ptr<const program::Program>>> make_programs(Source& source, const Code& code,
                                                                           Linker& linker, const std::string& license) {
  std::vector<std::shared_ptr<const program::Program>> programs;
  for (const auto& [section, functions] : find_entries(source, code)) {
    program::Program common = describe_section(source, section->name);
    common.license = license;
    if (programs.size() + functions.size() > kMaxPrograms)
      return fail(ErrorCode::limit, in_section(section->name),
                  fmt::format("at most {} programs are taken", kMaxPrograms));
    for (const Function* function : functions) {
      auto program = std::make_shared<program::Program>(common);
      program->name = function->name;
      if (function->local)
        source.notes.add(fmt::format("section {}: static function {} is taken for a program", shown(section->name),
                                     shown(function->name)));
      if (auto linked = linker.link(*function, *program); !linked) return fail(std::move(linked).error());
      if (!program->defect.empty())
        source.notes.add(fmt::format("program {} cannot run: {}", shown(program->name), program->defect));
      programs.push_back(std::move(program));
    }
  }
  return programs;
}

}  // namespace skep::loader
