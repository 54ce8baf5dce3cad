// Calls of helpers whose map, or whose callback, is the same on every path: what they come to is decided before the
// run.
#pragma once

#include "lower/image.hpp"
#include "verifier/facts.hpp"

namespace skep::lower {

/// Turns such calls of a proven image, whose ops are all there, into lookup_array, lookup_direct and call_direct, and
/// notes the callbacks of bpf_loop.
void know_calls(Image& image, const verifier::Facts& facts);

}  // namespace skep::lower
