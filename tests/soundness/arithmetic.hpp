// What instructions compute, said once more and slowly: nothing here is shared with an engine (RFC 9669 section 4).
#pragma once

#include <cstdint>

#include "isa/table.hpp"

namespace skep::soundness {

/// `a op b` at 32 or 64 bits, zero-extended; of a unary operation `b` is the immediate. Not for jumps and memory.
[[nodiscard]] std::uint64_t compute(isa::Operation operation, unsigned width, std::uint64_t a, std::uint64_t b);
/// Whether a conditional jump is taken.
[[nodiscard]] bool jumps(isa::Operation operation, unsigned width, std::uint64_t a, std::uint64_t b);
/// What an atomic operation leaves in memory where `old` was; `expected` is for compare-and-exchange.
[[nodiscard]] std::uint64_t exchange(isa::Operation operation, std::uint64_t old, std::uint64_t operand,
                                     std::uint64_t expected);
/// The lowest `bits` bits, with zeros or with their sign above them.
[[nodiscard]] std::uint64_t cut(std::uint64_t value, unsigned bits);
[[nodiscard]] std::int64_t cut_signed(std::uint64_t value, unsigned bits);

}  // namespace skep::soundness
