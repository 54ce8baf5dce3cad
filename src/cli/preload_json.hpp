// Filling maps before a run, from JSON files.
//
// A file holds a list of {"key": …, "value": …}; for a section of global variables an object {"name": value}. Keys and
// values are read by their BTF type (value_json.hpp). A program array takes program names as values; a per-CPU map
// takes one value for all CPUs, or {"values": [one a CPU]}.
#pragma once

#include <string>

#include <skep/executable.hpp>

namespace skep::cli {

/// Fills `name` of the object from the file `path`. Programs for program arrays are built with `build`.
[[nodiscard]] Result<void> preload(const Object& object, const std::string& name, const std::string& path,
                                   const BuildOptions& build);

}  // namespace skep::cli
