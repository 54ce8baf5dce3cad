// Facts about an object that several verbs tell: its programs, who they call, which maps they use, where globals lie.
#pragma once

#include <cstddef>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <skep/object.hpp>

#include "api/variables.hpp"
#include "loader/object_spec.hpp"

namespace skep::cli {

/// Opens an object file without making its maps, so that objects can be looked at that could not run here. CO-RE
/// relocations are resolved against the types in file `btf`; without one they stay needs.
[[nodiscard]] Result<loader::ObjectSpec> open_spec(const std::string& path, const std::optional<std::string>& btf);
/// The same of bytes that were read from `path`.
[[nodiscard]] Result<loader::ObjectSpec> parse_spec(std::span<const std::byte> bytes, const std::string& path,
                                                    const std::optional<std::string>& btf);

/// The program called `name`, or the only one when `name` is empty. Error not_found lists those there are.
[[nodiscard]] Result<std::shared_ptr<const program::Program>> choose_program(const loader::ObjectSpec& object,
                                                                             std::string_view name);

/// "bpf_map_lookup_elem" for 1; "helper 999" for what Linux does not have.
[[nodiscard]] std::string helper_name(std::uint32_t id);

/// The helpers a program calls, by name, and the maps it uses, each once, in order of appearance.
struct Uses {
  std::vector<std::string> helpers;
  std::vector<std::string> maps;
};
[[nodiscard]] Uses uses_of(const loader::ObjectSpec& object, const program::Program& program);

/// What the program's poisoned instructions ask for, each once.
[[nodiscard]] std::vector<std::string> unresolved_in(const program::Program& program);

/// True for what compilers add on their own: format strings of bpf_printk.
[[nodiscard]] bool is_compilers_own(const loader::GlobalVar& variable);
/// What a variable holds before the first run; zeros in .bss.
[[nodiscard]] std::vector<std::byte> initial_value(const loader::MapDef& def, const loader::GlobalVar& variable);
/// The variable that holds byte `offset` of a section of globals; null when none does.
[[nodiscard]] const loader::GlobalVar* variable_at(const loader::MapDef& def, std::uint32_t offset);
/// "rdonly_prog, mmapable": names of map_flag bits; bits without a name in hex.
[[nodiscard]] std::string flag_names(std::uint32_t flags);

}  // namespace skep::cli
