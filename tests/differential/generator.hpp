// Programs that Linux' verifier accepts by construction, out of a seed.
//
// Every register holds a number at every instruction, every stack slot is written before it is read, accesses are
// aligned, loops are counted, and no instruction is unreachable. The first ten words of map 0's only value are the
// registers at the start; at the end the program stores its registers there, and its stack behind them.
#pragma once

#include <cstdint>
#include <vector>

#include <skep/insn.hpp>

namespace skep::differential {

inline constexpr unsigned kRegisters = 10;
inline constexpr unsigned kStackWords = 8;
inline constexpr unsigned kValueWords = kRegisters + kStackWords;

/// The same seed gives the same program. References to the map are `lddw`s with src 2 and imm 0.
[[nodiscard]] std::vector<Insn> generate(std::uint64_t seed);

/// A number that is interesting as an operand.
[[nodiscard]] std::uint64_t interesting(std::uint64_t random);

}  // namespace skep::differential
