// Programs as clang writes them, for what the JIT does with several instructions at once: loops that copy or add up
// memory, choices, rotations, extensions, rows of stores, addresses of several parts, chains of copies, out of a seed.
//
// Most are accepted by the verifier. Map 0, an array, has one value of kValueBytes: memory, then the registers at the
// start, then what is left of some of them at the end; the others are not read again, so that what they hold need not
// be computed. Map 1, a hash table with 4-byte keys, has as much under the key 0: memory whose address is no constant.
#pragma once

#include <cstdint>
#include <vector>

#include <skep/insn.hpp>

namespace skep::differential {

inline constexpr int kMemoryBytes = 512;          ///< accesses of the program go there
inline constexpr int kStartAt = kMemoryBytes;     ///< ten words: registers at the start
inline constexpr int kResultsAt = kStartAt + 80;  ///< ten words: registers at the end
inline constexpr std::uint32_t kValueBytes = kResultsAt + 80;

/// The same seed gives the same program. References to maps are `lddw`s with their index.
[[nodiscard]] std::vector<Insn> generate_tuned(std::uint64_t seed);

}  // namespace skep::differential
