// Programs that leave registers unused and keep numbers and pointers on the stack: spills and fills at constant
// offsets, whole and in parts, around branches, loops and calls, with the frame's address handed out or not, out of a
// seed.
//
// Most are accepted by the verifier. Maps are those of generate_tuned().
#pragma once

#include <cstdint>
#include <vector>

#include <skep/insn.hpp>

namespace skep::differential {

/// The same seed gives the same program. References to maps are `lddw`s with their index.
[[nodiscard]] std::vector<Insn> generate_slots(std::uint64_t seed);

}  // namespace skep::differential
