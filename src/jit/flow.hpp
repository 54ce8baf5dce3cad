// How control and registers flow through a function: blocks, what is live where, and in which order blocks are emitted.
//
// Of functions that are proven: no jump leaves them. Blocks that nothing reaches are left out, jumps to jumps go where
// the last one goes. What a loop rarely runs, its ways out, is laid behind everything. Linear in the ops, but for
// liveness, which goes round as often as loops are nested.
#pragma once

#include <bit>
#include <cstdint>
#include <span>
#include <vector>

#include "jit/traits.hpp"
#include "lower/image.hpp"
#include "lower/shape.hpp"

namespace skep::jit {

/// A set of registers, bit by number: the program's, and what machines have beside them (see plan.hpp).
using RegSet = std::uint16_t;
inline constexpr unsigned kRegisterNumbers = 16;  ///< as many as it holds
[[nodiscard]] constexpr RegSet bit_of(unsigned reg) noexcept { return static_cast<RegSet>(1u << reg); }
/// The set's members from the lowest on, for `for`.
class Members {
 public:
  constexpr explicit Members(RegSet left) noexcept : left_(left) {}
  constexpr Members begin() const noexcept { return *this; }
  constexpr Members end() const noexcept { return Members(0); }
  constexpr unsigned operator*() const noexcept { return static_cast<unsigned>(std::countr_zero(left_)); }
  constexpr Members& operator++() noexcept {
    left_ &= static_cast<RegSet>(left_ - 1);
    return *this;
  }
  constexpr bool operator!=(const Members& other) const noexcept { return left_ != other.left_; }

 private:
  RegSet left_;
};
[[nodiscard]] constexpr Members members(RegSet set) noexcept { return Members(set); }
inline constexpr RegSet kArguments = isa::kArgumentRegisters;
inline constexpr RegSet kClobbered = isa::kCallerSaved;

/// What an op does to registers. What it clobbers counts as written.
struct Effects {
  RegSet reads = 0;
  RegSet writes = 0;
};

inline constexpr std::uint32_t kNoBlock = ~std::uint32_t{0};

struct Block {
  std::uint32_t first = 0;
  std::uint32_t end = 0;           ///< the op after its last
  std::uint32_t next = kNoBlock;   ///< the block that it falls into, or jumps to for sure
  std::uint32_t taken = kNoBlock;  ///< where its branch goes when taken
  std::uint32_t predecessors = 0;  ///< edges that lead here
  std::uint32_t place = kNoBlock;  ///< index in Flow::order; kNoBlock where nothing leads here
  std::uint16_t depth = 0;         ///< loops around it
  bool is_loop_head = false;       ///< a block that is not emitted before it jumps here
  RegSet live_in = 0;
  RegSet live_out = 0;
};

/// A constant that lies in a register from the function's start.
struct Hoisted {
  unsigned reg;
  std::uint64_t number;
};

struct Flow {
  std::vector<Block> blocks;         ///< by their first op
  std::vector<std::uint32_t> order;  ///< blocks as they are emitted, the entry first
  std::vector<Hoisted> hoisted;      ///< what loops load most often, in registers that are free
};

/// What passes ask of an op again and again.
struct OpPlan {
  Effects effects;
  bool is_target = false;     ///< some jump leads here
  bool is_loop_head = false;  ///< one leads back here
  bool starts_block = false;  ///< metered code pays for refunds[op] + 1 instructions here
  bool starts_flow = false;   ///< a Block starts here: a target, or what follows a jump or an end
};

/// Of the function with the ops [first, end) of `code`; `plans` are those of all ops. Constants may lie in registers
/// that are `unused`.
[[nodiscard]] Flow make_flow(std::span<const lower::Op> code, std::span<const OpPlan> plans, std::uint32_t first,
                             std::uint32_t end, RegSet unused);

/// What no immediate of 32 bits is, sign-extended.
[[nodiscard]] constexpr bool is_wide(std::uint64_t number) noexcept {
  return static_cast<std::int64_t>(number) != static_cast<std::int32_t>(number);
}

/// What is live after each op of `block`, for its ops in order; `plans` are those of the image's ops. `live` is only
/// made longer: what lies behind means nothing.
void live_after(std::span<const OpPlan> plans, const Block& block, std::vector<RegSet>& live);

}  // namespace skep::jit
