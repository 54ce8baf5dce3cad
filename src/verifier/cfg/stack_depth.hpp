// How much stack the deepest chain of calls takes, from what each function was seen to touch.
#pragma once

#include <cstdint>
#include <span>

#include "verifier/cfg/graph.hpp"

namespace skep::verifier {

/// `touched` holds, by function, the bytes of stack any path touched. Refuses recursion, more than 8 frames or 512
/// bytes in a chain, and tail calls out of functions whose callers hold 256 bytes and more. `deepest` receives the
/// deepest chain.
[[nodiscard]] Objection check_stack_depth(const Graph& graph, std::span<const Insn> insns,
                                          std::span<const std::uint32_t> touched, std::uint32_t& deepest);

}  // namespace skep::verifier
