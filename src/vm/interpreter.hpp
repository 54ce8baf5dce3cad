// The interpreter: runs ops of an image until the frame it was entered with returns.
#pragma once

#include "lower/op.hpp"
#include "vm/run.hpp"

namespace skep::vm {

/// Runs from `op` in `frame`, the running one, until it returns to C++; r0. With kCounted every op takes one from the
/// run's budget before it starts, and the run ends where the budget does. When the run has ended (run.ended_), the
/// result means nothing. `last` is what the ready register holds (see lower::Variant), where `op` is not the start of a
/// function. Threaded dispatch: each op jumps straight to the code of the next.
template <bool kCounted>
std::uint64_t execute(Run& run, const lower::Op* op, Frame& frame, std::uint64_t last);

extern template std::uint64_t execute<false>(Run& run, const lower::Op* op, Frame& frame, std::uint64_t last);
extern template std::uint64_t execute<true>(Run& run, const lower::Op* op, Frame& frame, std::uint64_t last);

}  // namespace skep::vm
