// The interpreter: runs ops of an image until the frame it was entered with returns.
#pragma once

#include "lower/op.hpp"
#include "vm/run.hpp"

namespace skep::vm {

/// Runs from `op` in `frame`, the running one, until it returns to C++; r0. With kCounted every op takes one from the
/// run's budget before it starts, and the run ends where the budget does. When the run has ended (run.ended_), the
/// result means nothing. `op` names nothing that the op before wrote as ready (see lower::Variant). Threaded dispatch:
/// each op jumps straight to the code of the next.
template <bool kCounted>
std::uint64_t execute(Run& run, const lower::Op* op, Frame& frame);

extern template std::uint64_t execute<false>(Run& run, const lower::Op* op, Frame& frame);
extern template std::uint64_t execute<true>(Run& run, const lower::Op* op, Frame& frame);

}  // namespace skep::vm
