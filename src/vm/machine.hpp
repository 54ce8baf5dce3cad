// What generated code sees of a run: plain data at fixed offsets, reached through one pinned register.
//
// A Run owns one Machine and keeps in it whatever both its engines change, so that a run may pass from generated code
// to the interpreter at any operation. Standard layout: backends address members by offsetof; the members that they
// touch most come first.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <type_traits>

#include "isa/table.hpp"

namespace skep::helpers {
class Env;
}
namespace skep::lower {
class Image;
struct Op;
}  // namespace skep::lower

namespace skep::vm {

inline constexpr unsigned kMaxFrames = 8;
inline constexpr std::size_t kFrameBytes = 512;
/// Linux' limit on iterations of may_goto loops in one frame.
inline constexpr std::uint64_t kMayGotoLimit = std::uint64_t{8} << 20;

inline constexpr std::uint64_t kNoCpu = ~std::uint64_t{0};

enum class Access : std::uint8_t { read, write };

/// Addresses [lo, lo + span) that one kind of access may touch. span 0 allows nothing.
struct Window {
  std::uint64_t lo;
  std::uint64_t span;
  [[nodiscard]] bool allows(std::uint64_t address, std::uint64_t size) const noexcept {
    const std::uint64_t at = address - lo;
    return at < span && span - at >= size;
  }
};

using Registers = std::array<std::uint64_t, isa::kRegisters>;

/// Nothing is set by default: most runs are short, and few look at all of it.
struct Machine {
  helpers::Env* env;            ///< the Run, as helpers see it
  std::uint64_t budget;         ///< instructions left of this slice, when counted
  std::uint64_t frame_pointer;  ///< r10 of the running frame
  std::uint64_t lowest_frame;   ///< r10 of the deepest frame there is room for
  std::uint64_t may_goto_left;  ///< of the running frame
  std::uint64_t stack_windows;  ///< bit Access * kRegisters + r: window of r began at the running frame
  std::uint64_t context_base;   ///< the structured context; accesses to it are translated
  std::uint64_t context_bytes;  ///< 0 when there is none
  const lower::Image* current;  ///< the image that runs now
  const lower::Op* calling;     ///< the helper call in progress, for faults in its callbacks
  std::uint64_t unwind_sp;      ///< native stack pointer of the last entry into generated code
  const void* stop;             ///< a byte; when another thread makes it 1, the run ends
  std::uint64_t ended;          ///< 1: by a fault, or by a packet load past the end
  std::uint64_t cpu;            ///< the one that the run holds, or kNoCpu
  /// By Access. A run that looks at them clears them first.
  std::array<Window, isa::kRegisters> windows[2];
};
static_assert(std::is_standard_layout_v<Machine>);

}  // namespace skep::vm
