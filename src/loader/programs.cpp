// Section names become program types here; names outside libbpf's rules are guessed, and a note says so.
#include "loader/programs.hpp"

#include <algorithm>
#include <optional>

#include <fmt/format.h>

#include "abi/sections.hpp"

namespace skep::loader {
namespace {

constexpr std::string_view kSubprogSection = ".text";

/// A rule of the application as a row of the table.
abi::SectionKind row_of(const SectionRule& rule) {
  using Rest = abi::SectionKind::Rest;
  std::string_view prefix = rule.name;
  Rest rest = Rest::exact;
  if (prefix.ends_with('+')) rest = Rest::optional;
  if (prefix.ends_with('/')) rest = Rest::required;
  if (rest != Rest::exact) prefix.remove_suffix(1);
  return {prefix, rule.type, rule.attach_type, rule.sleepable, rest};
}

/// The first rule that fits, or the first without a name; nothing when there is neither.
std::optional<abi::SectionKind> find_rule(std::span<const SectionRule> rules, std::string_view section) {
  const SectionRule* any = nullptr;
  for (const SectionRule& rule : rules) {
    if (rule.name.empty() && any == nullptr) any = &rule;
    if (!rule.name.empty() && abi::fits_section(row_of(rule), section)) return row_of(rule);
  }
  return any == nullptr ? std::nullopt : std::optional(row_of(*any));
}

/// What all programs of a section have in common.
program::Program describe_section(Source& source, std::string_view name, std::span<const SectionRule> rules) {
  program::Program program;
  program.section = name;
  program.autoload = !name.starts_with('?');
  const abi::SectionKind* kind = abi::find_section_kind(name);
  const auto rule = kind == nullptr && name != kSubprogSection ? find_rule(rules, name) : std::nullopt;
  if (rule) kind = &*rule;
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
                                                                           Linker& linker, const std::string& license,
                                                                           std::span<const SectionRule> rules) {
  std::vector<std::shared_ptr<const program::Program>> programs;
  for (const auto& [section, functions] : find_entries(source, code)) {
    program::Program common = describe_section(source, section->name, rules);
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
