// What of a proven program is settled before any run: registers and bytes of stack that hold the same number whenever
// an instruction is reached, branches that these decide, keys of look-ups in arrays, results and upper halves that
// nobody reads.
//
// Why it is sound, for paths that the verifier pruned as well: of the verifier's walk, only what holds on every path
// is used (verifier/facts.hpp): which branches can be taken at all, the kinds of pointers that accesses go through, the
// map that a call names, what is read of frozen maps. The numbers come from an analysis of their own over the graph of
// branches that remains: they are joined wherever control flow meets, so no path is left out. A number that the stack
// holds is forgotten by every store that may go to a stack and is not at a known place of this frame, by helpers that
// write to memory, and by calls.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include <skep/insn.hpp>

#include "isa/table.hpp"
#include "maps/map_storage.hpp"
#include "program/program.hpp"
#include "verifier/facts.hpp"

namespace skep::lower {

/// What an instruction comes to.
enum class Becomes : std::uint8_t {
  itself,     ///< as SettledProgram::insns has it
  number,     ///< its destination (of a call r0) gets Settled::number, and nothing else happens
  unread,     ///< nothing: nobody reads what it writes, or it is a jump that is never taken
  as_before,  ///< nothing: what is read of its destination it leaves as it was
};

struct Settled {
  std::uint64_t number = 0;
  Becomes becomes = Becomes::itself;
  bool reached = false;
  bool jumps = true;          ///< of a conditional jump: may be taken
  bool falls_through = true;  ///< … may not be taken; where only one of these holds, its operands are not read
  bool low_only = false;      ///< of an instruction that writes a register: nobody reads the upper half

  // Asked of every instruction, and no processor foresees the answer: neither branches.
  [[nodiscard]] bool is_itself() const noexcept {
    return (static_cast<unsigned>(reached) & static_cast<unsigned>(becomes == Becomes::itself)) != 0;
  }
  [[nodiscard]] bool runs() const noexcept {
    return (static_cast<unsigned>(reached) & static_cast<unsigned>(becomes <= Becomes::number)) != 0;
  }
};

struct SettledProgram {
  /// The program's, at the same places. A source register that holds a known number has become an immediate where there
  /// is such a form, and an access to a known place of the frame goes through r10.
  std::vector<Insn> insns;
  std::vector<isa::Form> forms;  ///< what these are, by pc
  std::vector<Settled> at;       ///< by pc
  bool goes_back = false;        ///< some jump, call or function address leads to where it is or before
};

/// `facts` are those of the program, `maps` what its map indices name; numbers may be addresses of these and of their
/// values.
[[nodiscard]] SettledProgram settle(const program::Program& program, const verifier::Facts& facts,
                                    std::span<const std::shared_ptr<maps::MapStorage>> maps);

}  // namespace skep::lower
