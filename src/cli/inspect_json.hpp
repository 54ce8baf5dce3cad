// An object's contents for machines.
#pragma once

#include "cli/value_json.hpp"
#include "loader/object_spec.hpp"

namespace skep::cli {

/// Keys: see docs/command.md.
[[nodiscard]] Json inspect_json(const loader::ObjectSpec& object);

/// The texts of all objects as one JSON list.
[[nodiscard]] std::string inspect_json_text(std::span<const loader::ObjectSpec> objects);

}  // namespace skep::cli
