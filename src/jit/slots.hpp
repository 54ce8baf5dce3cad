// Slots of the stack that live in registers which the program has no use for.
//
// A slot is four or eight bytes of a function's frame that are only ever loaded and stored as a whole, through r10 at a
// constant offset. Nobody else sees them: where the function hands out an address of its frame, to a helper and to
// nobody else, all from there up to the top may be looked at, and what lies below is out of reach, as helpers do not
// count backwards; an address that goes anywhere else, or that is not known, and no slot is kept. Loads and stores of a
// slot become moves, which the tuner knows what to do with; a slot that may be loaded before it is stored holds 0, as
// the cleared frame does.
#pragma once

#include "jit/plan.hpp"

namespace skep::jit {

/// Finds the function's slots, worth most first, and turns their loads and stores into moves of the `unused` registers
/// that are returned. The plan knows already what its ops do and what calls what. For functions with loops that access
/// their frame: what is run once is hardly worth a register that must be saved, nor the search for it.
RegSet keep_slots(Plan& plan, FunctionPlan& function, RegSet unused);

}  // namespace skep::jit
