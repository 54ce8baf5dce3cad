// Instructions as text and back: disassembler and assembler.
#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <skep/error.hpp>
#include <skep/insn.hpp>

namespace skep::isa {

enum class Style {
  llvm,    ///< as llvm-objdump -d prints: "r1 = *(u32 *)(r2 + 0x4)", "if r1 s> 0x5 goto +0x3"
  kernel,  ///< as Linux' verifier log prints: "(61) r1 = *(u32 *)(r2 +4)"; calls show the helper's number, not its name
  mnemonic,  ///< the dialect of the conformance files: "ldxw %r1, [%r2+4]"; llvm style for what it has no word for
};

/// The instruction at insns[pc] as one line without address or bytes. What is no instruction prints as "<unknown>"; so
/// does the second slot of an lddw. The llvm style is that of LLVM 19 without --mcpu, with what that cannot say added:
/// 32-bit and byte-wide atomics as with --mcpu=v4, "call pc+0x3" for subprograms, "call kfunc 0x7, 0x0" (id, index of
/// the BTF).
[[nodiscard]] std::string disassemble(std::span<const Insn> insns, std::uint32_t pc, Style style = Style::llvm);

/// Instructions out of text, one a line. Reads the llvm style (what disassemble() prints, with `goto` offsets or
/// labels) and the dialect of the public conformance files ("add32 %r1, -4", "ldxw %r0, [%r1+4]", "lock fetch add
/// [%r10-8], %r1"), mixed freely; '#', ';' and '//' start comments. "name:" defines a label; a jump to `exit` without
/// such a label goes to the next exit, or to the last when none follows. Immediates of 32 bits may be written signed or
/// unsigned. Errors: where is "line <n>", the text says what was seen and what was needed. Does not check the program
/// as a whole, see isa::check.
[[nodiscard]] Result<std::vector<Insn>> assemble(std::string_view text);

}  // namespace skep::isa
