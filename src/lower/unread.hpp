// Which results nobody reads, and of which nobody reads the upper half: backwards over the program.
#pragma once

#include "lower/settle.hpp"

namespace skep::lower {

/// Of a program whose constants are found: fills in Becomes::unread, Becomes::as_before and Settled::low_only.
void find_unread(const program::Program& program, SettledProgram& settled);

}  // namespace skep::lower
