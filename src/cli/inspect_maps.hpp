// The maps of an object as tables: what each is, what lies inside, who is in it from the start.
#pragma once

#include <string>

#include "cli/terminal.hpp"
#include "loader/object_spec.hpp"

namespace skep::cli {

/// Tables "maps", "inner maps", "initial slots" and "struct_ops", as far as the object has such; without the sections
/// of global variables.
[[nodiscard]] std::string maps_text(const loader::ObjectSpec& object, const Paint& paint);

}  // namespace skep::cli
