// Static initialisers of `.maps`: which program or map lies in which slot of a map when it is made.
//
// Declared maps have relocations in their `values`; a program array of iproute2 has an id, and takes the programs in
// sections "ID/SLOT".
#pragma once

#include <memory>
#include <vector>

#include "loader/maps.hpp"

namespace skep::loader {

/// Slots of old maps come without a byte in the file for each: no more than these in an object's maps of one kind.
inline constexpr std::uint32_t kMaxLegacySlots = 65536;

/// Fills in MapDef::slots. Needs the programs, which prog_arrays name.
[[nodiscard]] Result<void> read_slots(const Source& source,
                                      const std::vector<std::shared_ptr<const program::Program>>& programs,
                                      MapTable& maps);

}  // namespace skep::loader
