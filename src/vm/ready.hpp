// Operands that the interpreter has at hand: what the op before wrote is in a machine register of its own.
#pragma once

#include "lower/image.hpp"

namespace skep::vm {

/// Gives each op of the image that names what the op before wrote the variant that takes it from there (see
/// lower::Variant), where control comes from that op alone. For images that are interpreted; nobody else profits.
void find_ready(lower::Image& image);

}  // namespace skep::vm
