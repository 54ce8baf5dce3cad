// What a backend needs to know of an image before it emits the first op: blocks, their cost, and what functions need.
//
// Nothing here depends on the machine. Computed in two passes over the ops.
#pragma once

#include <cstdint>
#include <vector>

#include "jit/compile.hpp"
#include "jit/flow.hpp"
#include "lower/image.hpp"
#include "lower/shape.hpp"

namespace skep::jit {

inline constexpr unsigned kFirstSaved = 6;  ///< r6 to r9 survive calls
inline constexpr unsigned kSavedRegisters = 4;
inline constexpr unsigned kMostSaved = kRegisterNumbers - kFirstSaved;  ///< with the spare ones
/// Registers that no instruction names, by number: they follow those of the program and kNumber.
inline constexpr unsigned kFirstSpare = isa::kRegisters + 1;

/// A function of the program, as native code sees it.
struct FunctionPlan {
  std::uint32_t first = 0;  ///< op
  std::uint32_t end = 0;    ///< the op after its last
  std::uint32_t stack_bytes = 0;
  std::uint32_t loops_first = UINT32_MAX;  ///< all its loops lie from this op on,
  std::uint32_t loops_end = 0;             ///< before this one; 0 without loops
  RegSet mentioned = 0;                    ///< registers that some op names or clobbers
  RegSet slots = 0;                        ///< registers that hold slots of its stack
  std::uint16_t saved = 0;                 ///< which callee-saved registers it writes: bit i for r6 + i

  bool calls = false;            ///< may leave generated code, itself or in what it calls: the native stack is aligned
  bool nests = false;            ///< calls a function of the program
  bool names_frame = false;      ///< mentions r10
  bool counts_may_goto = false;  ///< has a loop counter of its own
};

struct Plan {
  const lower::Image& image;
  Options options;
  std::span<const lower::Op> code;  ///< the image's ops, or own_code
  std::vector<lower::Op> own_code;  ///< the same but for slots of the stack that live in registers; empty without
  std::vector<OpPlan> ops;
  std::vector<std::uint32_t> refunds;  ///< how many ops of the block come after each; empty when not metered
  std::vector<FunctionPlan> functions;
  unsigned frames = 1;          ///< how deep functions nest; 1 where every call sees for itself that there is room
  bool uses_windows = false;    ///< has checked accesses
  bool is_plain = false;        ///< cannot end early, and relies on nothing but r1 and r2 at its start
  bool stands_alone = false;    ///< is plain, and calls nothing that would look at the run
  std::vector<Flow> flows;      ///< by function; of proven programs that do not count, empty for others
  bool has_tail_calls = false;  ///< a call may come back with another image current
};

/// The plan of the function that the op calls.
[[nodiscard]] const FunctionPlan& callee_of(const Plan& plan, const lower::Op& op) noexcept;

/// The spare registers that the machine has for the plan's functions, which save those that they use. The backend's.
[[nodiscard]] RegSet spare_registers(const Plan& plan) noexcept;

[[nodiscard]] Plan make_plan(const lower::Image& image, const Options& options);

}  // namespace skep::jit
