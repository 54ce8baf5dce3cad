// Static initialisers of maps of maps, made true when the object is loaded. Apart from those of program arrays, so that
// a process that opens objects and runs nothing has no engine in it.
#pragma once

#include <span>

#include <skep/error.hpp>
#include <skep/map.hpp>

#include "loader/object_spec.hpp"

namespace skep {

/// Puts inner maps where the file says. Errors name map and slot.
[[nodiscard]] Result<void> fill_inner_maps(const loader::ObjectSpec& spec, std::span<const Map> maps);

}  // namespace skep
