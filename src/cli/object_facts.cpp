// Read off the parsed object and the tables; nothing here is live.
#include "cli/object_facts.hpp"

#include <algorithm>
#include <array>

#include <fmt/format.h>

#include "abi/helper.hpp"
#include "api/target_types.hpp"
#include "cli/input.hpp"
#include "isa/table.hpp"

namespace skep::cli {
namespace {

struct FlagName {
  std::uint32_t bit;
  std::string_view name;
};
constexpr std::array kFlagNames{
    FlagName{map_flag::no_prealloc, "no_prealloc"},
    FlagName{map_flag::no_common_lru, "no_common_lru"},
    FlagName{map_flag::numa_node, "numa_node"},
    FlagName{map_flag::rdonly, "rdonly"},
    FlagName{map_flag::wronly, "wronly"},
    FlagName{map_flag::stack_build_id, "stack_build_id"},
    FlagName{map_flag::zero_seed, "zero_seed"},
    FlagName{map_flag::rdonly_prog, "rdonly_prog"},
    FlagName{map_flag::wronly_prog, "wronly_prog"},
    FlagName{map_flag::clone, "clone"},
    FlagName{map_flag::mmapable, "mmapable"},
    FlagName{map_flag::preserve_elems, "preserve_elems"},
    FlagName{map_flag::inner_map, "inner_map"},
    FlagName{map_flag::link, "link"},
    FlagName{map_flag::segv_on_fault, "segv_on_fault"},
    FlagName{map_flag::no_user_conv, "no_user_conv"},
};

void add_once(std::vector<std::string>& names, std::string name) {
  if (std::find(names.begin(), names.end(), name) == names.end()) names.push_back(std::move(name));
}

}  // namespace

Result<loader::ObjectSpec> open_spec(const std::string& path, const std::optional<std::string>& btf) {
  const auto bytes = read_input(path);
  if (!bytes) return fail(bytes.error());
  return parse_spec(*bytes, path, btf);
}

Result<loader::ObjectSpec> parse_spec(std::span<const std::byte> bytes, const std::string& path,
                                      const std::optional<std::string>& btf) {
  const auto target_types = [&btf]() -> Result<std::shared_ptr<const btf::Btf>> {
    if (!btf) return nullptr;
    return load_types(*btf == "-" ? "/dev/stdin" : *btf);
  };
  auto spec = loader::parse_object(bytes, file_name(path), target_types);
  if (!spec)
    return fail(spec.error().code, fmt::format("{}: {}", file_name(path), spec.error().where), spec.error().what);
  return spec;
}

Result<std::shared_ptr<const program::Program>> choose_program(const loader::ObjectSpec& object,
                                                               std::string_view name) {
  if (object.programs.empty()) return fail(ErrorCode::not_found, object.name, "holds no program");
  if (name.empty() && object.programs.size() == 1) return object.programs.front();
  std::vector<std::string> names;
  for (const auto& program : object.programs) {
    if (program->name == name) return program;
    names.push_back(fmt::format("{} ({})", printable(program->name), printable(program->section)));
  }
  const std::string what = name.empty() ? fmt::format("holds {} programs, choose one with --program", names.size())
                                        : fmt::format("has no program {}", name);
  return fail(ErrorCode::not_found, object.name, fmt::format("{}; there are: {}", what, fmt::join(names, ", ")));
}

std::string helper_name(std::uint32_t id) {
  const abi::Helper* row = abi::find_helper(id);
  return row == nullptr ? fmt::format("helper {}", id) : fmt::format("bpf_{}", row->name);
}

Uses uses_of(const loader::ObjectSpec& object, const program::Program& program) {
  Uses uses;
  for (std::size_t pc = 0; pc < program.insns.size(); ++pc) {
    const Insn& insn = program.insns[pc];
    const auto form = isa::decode(insn);
    if (!form) continue;
    const auto index = static_cast<std::uint32_t>(insn.imm);
    if (*form == isa::Form::call_helper && program.poison_at(static_cast<std::uint32_t>(pc)) == nullptr)
      add_once(uses.helpers, helper_name(index));
    if ((*form == isa::Form::lddw_map || *form == isa::Form::lddw_map_value) && index < object.maps.size())
      add_once(uses.maps, object.maps[index].spec.name);
    if (isa::info(*form).wide()) ++pc;
  }
  return uses;
}

std::vector<std::string> unresolved_in(const program::Program& program) {
  std::vector<std::string> names;
  for (const program::Poison& poison : program.poisons) add_once(names, poison.what);
  return names;
}

bool is_compilers_own(const loader::GlobalVar& variable) { return variable.name.find("___fmt") != std::string::npos; }

std::vector<std::byte> initial_value(const loader::MapDef& def, const loader::GlobalVar& variable) {
  constexpr std::uint32_t kMaxShown = 65536;  // a .bss may claim gigabytes
  std::vector<std::byte> value(std::min(variable.bytes, kMaxShown));
  if (variable.offset < def.contents.size())
    std::copy_n(def.contents.begin() + variable.offset, std::min(value.size(), def.contents.size() - variable.offset),
                value.begin());
  return value;
}

const loader::GlobalVar* variable_at(const loader::MapDef& def, std::uint32_t offset) {
  for (const loader::GlobalVar& variable : def.variables)
    if (offset >= variable.offset && offset - variable.offset < std::max(variable.bytes, 1u)) return &variable;
  return nullptr;
}

std::string flag_names(std::uint32_t flags) {
  std::vector<std::string> names;
  for (const FlagName& flag : kFlagNames) {
    if ((flags & flag.bit) == 0) continue;
    names.emplace_back(flag.name);
    flags &= ~flag.bit;
  }
  if (flags != 0) names.push_back(fmt::format("{:#x}", flags));
  return fmt::format("{}", fmt::join(names, ", "));
}

}  // namespace skep::cli
