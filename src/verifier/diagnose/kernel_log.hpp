// The log that Linux' verifier would write: for tools that read it, and for eyes that know it.
//
// Level 2 has every step of every path with the registers and slots it names; level 1 keeps the path at hand only,
// which at the end is the one to the refusal. The format is Linux 6.18's; the words of messages are our own, and the
// notes of its precision tracking have no counterpart here.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

#include "verifier/input.hpp"

namespace skep::verifier {

/// Takes pieces of the log, in order.
using LogSink = std::function<void(std::string_view)>;

/// verify(), with a log of `level` (1 or 2) of it. Level 2 is handed over as it is made; of level 1, which is handed
/// over at the end, no more than the last 64 MiB are kept. `input.observer` is not told.
Report write_kernel_log(const Input& input, unsigned level, const LogSink& sink);

}  // namespace skep::verifier
