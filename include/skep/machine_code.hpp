// Machine code as tools see it: its bytes, and which instruction each of them came from.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace skep {

struct MachineCode {
  enum class Role : std::uint8_t {
    entry,     ///< the way in from C++
    prologue,  ///< what the function whose first instruction is `pc` does before that
    insn,      ///< instruction `pc`, or some from there on that became one
    detour,    ///< what instruction `pc` rarely needs, out of its way
    shared,    ///< what detours share
  };
  /// Reaches to the next part, the last one to the end. Instructions that became nothing have none.
  struct Part {
    std::uint32_t from_bytes = 0;  ///< into `bytes`
    std::uint32_t pc = 0;          ///< instruction slot
    Role role = Role::entry;
  };

  std::span<const std::byte> bytes;  ///< as they run: moved to where they are, so they differ from build to build
  std::vector<Part> parts;           ///< sorted; empty where nobody asked for them
};

}  // namespace skep
