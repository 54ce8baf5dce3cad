// Programs of an object some of whose maps are not made (MapDef::autocreate).
#pragma once

#include <memory>
#include <span>

#include "loader/object_spec.hpp"

namespace skep::loader {

/// `program` with a poisoned instruction wherever it names a map that is left out; itself when it names none. As in
/// libbpf, both halves of the load become calls of a function that cannot exist.
[[nodiscard]] std::shared_ptr<const program::Program> without_left_out_maps(
    std::shared_ptr<const program::Program> program, std::span<const MapDef> maps);

}  // namespace skep::loader
