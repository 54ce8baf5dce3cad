// Maps and programs of an object by name.
#pragma once

#include <cstdint>
#include <string_view>

#include <skep/error.hpp>

#include "loader/object_spec.hpp"

namespace skep {

/// Index in the spec. Error not_found lists those there are.
[[nodiscard]] Result<std::uint32_t> find_map(const loader::ObjectSpec& spec, std::string_view name);
[[nodiscard]] Result<std::uint32_t> find_program(const loader::ObjectSpec& spec, std::string_view name);

}  // namespace skep
