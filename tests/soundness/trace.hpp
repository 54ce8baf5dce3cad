// What a run did, instruction by instruction: registers, stack and the regions it could touch before each, and which
// registers and bytes of stack it went on to use.
#pragma once

#include <array>
#include <bitset>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "isa/table.hpp"
#include "verifier/state/state.hpp"

namespace skep::soundness {

inline constexpr unsigned kFrames = verifier::kMaxFrames;
inline constexpr unsigned kFrameBytes = verifier::kStackBytes;
using Registers = std::array<std::uint64_t, isa::kRegisters>;
using RegisterSet = std::uint16_t;

/// [address, address + bytes).
struct Area {
  std::uint64_t address = 0;
  std::uint64_t bytes = 0;
};

/// What an instruction read and wrote. On the stack as areas, at most one for each argument of a helper.
struct Effects {
  RegisterSet reads = 0, writes = 0;
  std::array<Area, 5> stack_reads{};
  std::array<Area, 5> stack_writes{};
  Area touched;          ///< of a load, store or atomic: the bytes
  Area object;           ///< the region that they were found in
  bool returns = false;  ///< hands r0 to the caller
};

struct Called {
  std::uint32_t function_pc = 0;
  std::uint32_t call_pc = 0;
  bool callback = false;  ///< by a helper
};

/// How things stood before one instruction.
struct Moment {
  std::uint32_t pc = 0;
  std::uint32_t depth = 1;  ///< frames
  std::array<Called, kFrames> called{};
  std::array<Registers, kFrames> registers{};
  std::uint64_t stack_top = 0;   ///< address behind the first frame; each frame is below the one before
  std::vector<std::byte> stack;  ///< from the top downwards in frames, each in ascending order
  std::uint64_t packet = 0, packet_meta = 0, packet_end = 0;
  std::vector<Area> records;  ///< ring-buffer records that are held
  std::vector<Area> lent;     ///< keys that callbacks were handed
  Effects effects;

  [[nodiscard]] std::uint64_t frame_pointer(unsigned frame) const {
    return stack_top - std::uint64_t{frame} * kFrameBytes;
  }
  /// The eight bytes of a slot, counted downwards from the frame pointer.
  [[nodiscard]] std::uint64_t slot(unsigned frame, unsigned number) const;
};

/// How a run ended. Where it did not finish, what was seen until then counts all the same.
enum class Ending : std::uint8_t {
  finished,
  cut_short,  ///< too long, or it went where the machine cannot follow: another program, a helper without code
  faulted,    ///< it touched what it must not
};

struct Trace {
  Ending ending = Ending::finished;
  std::string fault;
  std::vector<Moment> moments;
  std::vector<Area> left;  ///< records held at the end
};

/// What is used of a moment later on, before it is written.
struct Demand {
  std::array<RegisterSet, kFrames> registers{};
  std::array<std::uint64_t, kFrames> slots{};
};

/// One for each moment.
[[nodiscard]] std::vector<Demand> demands(const Trace& trace);

}  // namespace skep::soundness
