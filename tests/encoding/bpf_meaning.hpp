// What BPF instructions do, as paths: written after RFC 9669, in the steps that each processor takes for what it has no
// single instruction for.
#pragma once

#include <functional>
#include <optional>
#include <span>
#include <vector>

#include <skep/insn.hpp>

#include "encoding/machine_meaning.hpp"
#include "encoding/path.hpp"

namespace skep::encoding {

/// Where the processor's code may say the same thing in more than one way.
enum class Way : std::uint8_t {
  plain,
  reciprocal,  ///< constants are not divided by: their inverses are multiplied by, or less
  exclusive,   ///< atomics as a load and a store that nobody came between
};

/// All paths through program[first, last), or out of it by an exit. `address_of` says where the code of an instruction
/// begins. Nothing when one is of a kind that the encoding test does not look at, or has no such way.
[[nodiscard]] std::optional<std::vector<Path>> bpf_paths(Terms& terms, Processor processor, Way way,
                                                         std::span<const Insn> program, std::uint32_t first,
                                                         std::uint32_t last,
                                                         const std::function<std::uint32_t(std::uint32_t)>& address_of);

}  // namespace skep::encoding
