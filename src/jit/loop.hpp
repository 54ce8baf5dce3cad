// Loops that copy memory, or add it up: what a processor does for sixteen bytes at once.
//
// A backend runs as many iterations together as it likes, but never the last one: the loop itself follows and ends as
// it always did, so nothing needs to be known of what it leaves behind.
#pragma once

#include <optional>
#include <vector>

#include "jit/value.hpp"

namespace skep::jit {

/// sum + constant, where the constant is 0 or more than a displacement holds.
struct Place {
  Sum sum;
  std::uint64_t constant = 0;
};

struct QuickLoop {
  enum class Kind : std::uint8_t {
    copy,  ///< target[i] = source[i]
    sum,   ///< total += source[i], of 32 bits
  };
  struct Advance {
    unsigned reg;
    std::int32_t step;  ///< an iteration
  };
  Kind kind = Kind::copy;
  unsigned bytes = 0;  ///< of an element: 1, 2, 4 or 8, of a sum at most 4
  Place source;        ///< of the first element, when the loop is entered; moves by `bytes`
  Place target;        ///< the same, of copies
  unsigned total = 0;  ///< the register, of sums
  unsigned counter = 0;
  std::int32_t step = 0;                     ///< of the counter
  std::optional<std::int32_t> bound_number;  ///< the loop ends when the counter, advanced, is this
  unsigned bound = 0;                        ///< or what this register holds
  std::vector<Advance> advances;             ///< all registers that iterations change, but for the total
};

/// What `block`, which jumps to itself, does; nothing when it is anything else.
[[nodiscard]] std::optional<QuickLoop> quick_loop(const lower::Image& image, const Flow& flow, std::uint32_t block);

}  // namespace skep::jit
