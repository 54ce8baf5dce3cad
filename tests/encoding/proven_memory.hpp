// Proven programs that access memory in all the ways that code for them tells apart. Each function checks many.
#pragma once

#include "encoding/proven_bench.hpp"

namespace skep::encoding {

/// Loads and stores of every size with offsets around where encodings change.
void accesses(ProvenBench& bench);
/// Atomics with every pair of registers.
void atomics(ProvenBench& bench);
/// Sums as addresses: a register, another one that is shifted, a number; under loads that overwrite one of them.
void addresses(ProvenBench& bench);
/// Of the stack: all that displacements hold, and what lies there.
void frames(ProvenBench& bench);
/// Numbers that are put together from bytes, in either order: the last part is in one register, all others before it in
/// another, by halves or one after the other.
void assembled(ProvenBench& bench);
/// Numbers that are stored side by side, upwards and downwards.
void rows_of_numbers(ProvenBench& bench);
/// Of the packet, whose end is asked for once, and once more for a place that only the packet knows.
void packets(ProvenBench& bench);
/// Elements of the map, under a key that nobody knows before.
void lookups(ProvenBench& bench);
/// Values of arrays, under a key that nobody knows before and that one in four times there is not; key and value on the
/// stack or in another map's value.
void updates(ProvenBench& bench);

}  // namespace skep::encoding
