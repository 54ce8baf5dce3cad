// Loops that copy memory, or add it up: what a processor does for sixteen bytes at once.
//
// A backend runs as many iterations together as it likes. The loop itself follows, for what is left; the last iteration
// is always its, unless all that it leaves behind is known.
#pragma once

#include <optional>
#include <vector>

#include "jit/value.hpp"

namespace skep::jit {

/// sum + constant, where the constant is 0 or more than a displacement holds.
struct Place {
  Sum sum;
  std::uint64_t constant = 0;
  bool goes_down = false;  ///< with each iteration, by an element
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
  /// Of copies that turn the order round: the places approach by 1 << approach while the counter goes on by 1.
  std::uint8_t approach = 0;
  unsigned total = 0;  ///< the register, of sums
  unsigned counter = 0;
  std::int32_t step = 0;                     ///< of the counter
  std::optional<std::int32_t> bound_number;  ///< the loop ends when the counter, advanced, is this
  unsigned bound = 0;                        ///< or what this register holds
  std::vector<Advance> advances;             ///< all registers that iterations change, but for the total
  /// When the loop has ended nobody asks for anything else that it has changed, but for `totals`: a backend may run its
  /// last iteration and go on behind it.
  bool may_finish = false;
  RegSet totals = 0;  ///< registers that hold the total, too, then

  [[nodiscard]] bool turns_round() const noexcept { return kind == Kind::copy && source.goes_down != target.goes_down; }
};

/// What `block`, which jumps to itself, does; nothing when it is anything else.
[[nodiscard]] std::optional<QuickLoop> quick_loop(std::span<const lower::Op> code, const Flow& flow,
                                                  std::uint32_t block);

}  // namespace skep::jit
