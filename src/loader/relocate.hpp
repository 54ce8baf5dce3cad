// What each relocated instruction stands for.
//
// A relocation is read once, whatever number of programs take the function it lies in; linking then only applies it.
// What a relocation does depends on the instruction it marks: a 64-bit load takes an address, a call takes a function.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "loader/code.hpp"
#include "loader/externs.hpp"
#include "loader/maps.hpp"

namespace skep::loader {

/// One instruction to change.
struct Fixup {
  enum class Kind {
    map,        ///< lddw of maps[target]
    map_value,  ///< lddw of the byte `offset` in the value of maps[target]
    function,   ///< lddw of the address of functions[target]
    call,       ///< call of functions[target]
    value_of,   ///< lddw of the address of externs[target]
    call_of,    ///< call of externs[target]
  };
  std::uint32_t slot = 0;  ///< in its section
  Kind kind = Kind::map;
  std::uint32_t target = 0;
  std::uint32_t offset = 0;
};

/// By code section, as in Code::sections, each sorted by slot; one a slot.
using Fixups = std::vector<std::vector<Fixup>>;

/// Reads all relocations of code. Errors name section, relocation, byte and symbol.
[[nodiscard]] Result<Fixups> read_fixups(const Source& source, const Code& code, const MapTable& maps,
                                         const Externs& externs);

/// The fixups of slots [first, first + count), out of one section's.
[[nodiscard]] std::span<const Fixup> fixups_in(const std::vector<Fixup>& fixups, std::uint32_t first,
                                               std::uint32_t count);

/// The instruction in a slot of a section; the caller keeps `slot` inside.
[[nodiscard]] Insn read_insn(const CodeSection& section, std::uint64_t slot) noexcept;

inline constexpr std::uint8_t kLddw = 0x18, kCall = 0x85;
inline constexpr std::uint8_t kMapPseudo = 1, kMapValuePseudo = 2, kVarPseudo = 3, kFuncPseudo = 4;  // src of a lddw
inline constexpr std::uint8_t kSubprogPseudo = 1, kKfuncPseudo = 2;                                  // src of a call

}  // namespace skep::loader
