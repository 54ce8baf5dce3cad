// Filling maps before a run, from JSON files.
//
// A file holds a list of {"key": …, "value": …}; for a section of global variables an object {"name": value}. Keys and
// values are read by their BTF type (value_json.hpp). A program array takes program names as values; a per-CPU map
// takes one value for all CPUs, or {"values": [one a CPU]}.
#pragma once

#include <string>

#include <skep/open_object.hpp>

#include "cli/building.hpp"

namespace skep::cli {

/// Fills `name` of the object from the file `path`. Programs for program arrays are built as `building` says.
[[nodiscard]] Result<void> preload(const Object& object, const std::string& name, const std::string& path,
                                   const Building& building);

/// Sets variables of a section, each to the value that the file gives it; before load, so that constants can be set,
/// too.
[[nodiscard]] Result<void> preload_globals(const OpenObject& object, const std::string& section,
                                           const std::string& path);
/// Sets one variable to a value as such a file has it; what is no JSON is taken for a string.
[[nodiscard]] Result<void> set_global(const OpenObject& object, const std::string& name, const std::string& text);

}  // namespace skep::cli
