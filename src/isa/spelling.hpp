// How each form is written: one pattern a form and style, read by the disassembler to print and by the assembler to
// parse.
//
// A pattern is text with slots. "{d} += {i}" prints r1 += 5, and matches what it prints. Invariant: no text matches the
// patterns of two forms.
#pragma once

#include <string>
#include <vector>

#include "isa/table.hpp"
#include "isa/text.hpp"

namespace skep::isa {

/// The slots of patterns, by the letter between braces.
namespace slot {
inline constexpr char dst = 'd', dst32 = 'D';  ///< r1, w1
inline constexpr char src = 's', src32 = 'S';
inline constexpr char r0 = 'z', r0_32 = 'Z';  ///< must be r0, w0
inline constexpr char imm = 'i';              ///< 32 bits
inline constexpr char imm_unsigned = 'u';     ///< the same, printed unsigned
inline constexpr char imm_addend = 'a';       ///< the same with its sign, nothing when 0
inline constexpr char imm64 = 'q', imm64_unsigned = 'Q';
inline constexpr char space_to = 'c', space_from = 'k';    ///< upper and lower half of imm
inline constexpr char off = 'n';                           ///< 16 bits
inline constexpr char off_addend = 'o';                    ///< the same with its sign; may be absent in text when 0
inline constexpr char target_off = 't', target_imm = 'T';  ///< +3, or a label when read
inline constexpr char label_imm = 'L';                     ///< a label only
}  // namespace slot

/// The pattern that `style` prints `row` with.
[[nodiscard]] std::string pattern(const FormInfo& row, Style style);

/// Every pattern that the assembler reads as `row`: those it prints in the llvm and mnemonic styles, and aliases.
[[nodiscard]] std::vector<std::string> readable_patterns(const FormInfo& row);

}  // namespace skep::isa
