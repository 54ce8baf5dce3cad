// Sequences of plain ops that the interpreter does at one label: fewer jumps, and values that stay in machine
// registers.
#pragma once

#include <span>

#include "lower/image.hpp"
#include "lower/shape.hpp"

namespace skep::vm {

inline constexpr std::size_t kSequenceCount = 0
#define SKEP_SEQUENCE(...) +1
#include "vm/sequences.inc"
    ;

/// What a call_direct about a record becomes where no run ends while the program holds one: nobody has to know of it.
inline constexpr auto kCallRecord = static_cast<lower::Code>(lower::kCodeCount + kSequenceCount);

/// The rows of sequences.inc, in its order: row i is what an op with the code lower::kCodeCount + i stands for.
[[nodiscard]] std::span<const std::span<const lower::Code>> sequences() noexcept;

/// Fills image.fused: image.ops, with the code of each op at which a sequence begins changed to that of the longest,
/// and calls to kCallRecord. All ops stay where they are and what they are otherwise, so that jumps into the middle of
/// a sequence find the op they want.
void fuse(lower::Image& image);

}  // namespace skep::vm
