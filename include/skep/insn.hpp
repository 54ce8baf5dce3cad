// One eBPF instruction slot, exactly as it lies in memory and in ELF sections (RFC 9669 section 3.1).
#pragma once

#include <cstdint>

namespace skep {

/// One 64-bit slot, little-endian layout. A `lddw` takes two of them: the second has opcode 0 and holds the upper half
/// of the constant in `imm`. Any bit pattern is a legal value of this type; isa::decode says what it means.
struct Insn {
  std::uint8_t opcode = 0;
  std::uint8_t dst : 4;
  std::uint8_t src : 4;
  std::int16_t off = 0;
  std::int32_t imm = 0;

  constexpr Insn() : dst(0), src(0) {}
  constexpr Insn(std::uint8_t opcode_, std::uint8_t dst_, std::uint8_t src_, std::int16_t off_, std::int32_t imm_)
      : opcode(opcode_), dst(dst_ & 15), src(src_ & 15), off(off_), imm(imm_) {}

  friend constexpr bool operator==(const Insn&, const Insn&) = default;
};

static_assert(sizeof(Insn) == 8);

}  // namespace skep
