// Static initialisers of `.maps`: which program or map lies in which slot of a map when it is made.
#pragma once

#include <memory>
#include <vector>

#include "loader/maps.hpp"

namespace skep::loader {

/// Reads the relocations of `.maps` into MapDef::slots. Needs the programs, which prog_arrays name.
[[nodiscard]] Result<void> read_slots(const Source& source,
                                      const std::vector<std::shared_ptr<const program::Program>>& programs,
                                      MapTable& maps);

}  // namespace skep::loader
