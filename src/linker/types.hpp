// The types of the result, and the records that tie its instructions to functions, lines and CO-RE accesses.
#pragma once

#include <span>

#include "btf/graph.hpp"
#include "linker/input.hpp"
#include "linker/sections.hpp"
#include "linker/symbols.hpp"

namespace skep::linker {

/// Merges all inputs' BTF: one variable or function for each global, one section of variables for each name, with the
/// places that things have in the result, and of types that are the same only one. Empty when no input has BTF.
/// What is given back parses. Errors: malformed, limit.
[[nodiscard]] Result<btf::Graph::Written> merge_types(std::span<const Input> inputs,
                                                      std::span<const OutSection> sections, const Symbols& symbols);

}  // namespace skep::linker
