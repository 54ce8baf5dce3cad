// What instructions compute of operands that are known before the run, form by form, by the engines' own arithmetic.
#pragma once

#include <cstdint>

#include "isa/table.hpp"

namespace skep::lower {

/// Of the destination and of the source, which is the sign-extended immediate in forms without a register: the result
/// of an ALU form, or 1 for a jump that is taken and 0 for one that is not.
using Evaluator = std::uint64_t (*)(std::uint64_t dst, std::uint64_t src) noexcept;

/// Null for forms that do something else than to compute or to compare.
[[nodiscard]] Evaluator evaluator(isa::Form form) noexcept;

}  // namespace skep::lower
