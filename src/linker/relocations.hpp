// Relocations of the inputs, in terms of the result's sections and symbols.
#pragma once

#include <span>
#include <vector>

#include "linker/input.hpp"
#include "linker/sections.hpp"
#include "linker/symbols.hpp"

namespace skep::linker {

/// Appends all inputs' relocations to the sections that hold what they relocate. Where one refers to a section, not to
/// a name in it, the distance kept in the instruction or data grows by what lies before the input's part of that
/// section. Errors: malformed, unsupported (a type that nobody defines).
[[nodiscard]] Result<void> rebase_relocations(std::span<const Input> inputs, const Symbols& symbols,
                                              std::vector<OutSection>& sections);

}  // namespace skep::linker
