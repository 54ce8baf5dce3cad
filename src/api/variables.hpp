// Global variables of an object that is open or loaded, by name.
#pragma once

#include <memory>
#include <string_view>
#include <vector>

#include <skep/global.hpp>

#include "api/object_data.hpp"

namespace skep {

/// True for maps that are a section of variables.
[[nodiscard]] bool holds_globals(const loader::MapDef& def) noexcept;

struct VariableFinder {
  /// All, by section and place.
  [[nodiscard]] static std::vector<Variable> all(const std::shared_ptr<const ObjectData>& object);
  /// The one of this name, in any section or in the one named. Errors: not_found; invalid when there are several.
  [[nodiscard]] static Result<Variable> find(const std::shared_ptr<const ObjectData>& object, std::string_view name,
                                             std::string_view section);
};

/// The memory of a section of variables, which has at least `bytes`.
[[nodiscard]] Result<void*> section_memory(const ObjectData& object, std::string_view section, std::size_t bytes);

/// Gives a section that now has `bytes` the variables that then lie in it, by libbpf's rules: the last one takes the
/// room when it is an array whose elements fill it; otherwise the section's type is forgotten.
void resize_variables(loader::MapDef& def, const btf::Btf* btf, std::uint32_t bytes);

}  // namespace skep
