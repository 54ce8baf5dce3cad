// Small changes to a program: a number, an offset, a register, an operation of the same shape, a branch turned round.
#pragma once

#include <cstdint>
#include <vector>

#include <skep/insn.hpp>

namespace skep::soundness {

/// One or two changes; the same seed makes the same ones. Every instruction still decodes by itself when it did.
void mutate(std::vector<Insn>& insns, std::uint64_t seed);

}  // namespace skep::soundness
