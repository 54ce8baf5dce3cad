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
  kernel,  ///< as Linux' verifier log prints: "(61) r1 = *(u32 *)(r2 +4)"
};

/// The instruction at insns[pc] as one line without address or bytes. What is no instruction prints as "<unknown>".
[[nodiscard]] std::string disassemble(std::span<const Insn> insns, std::uint32_t pc, Style style = Style::llvm);

/// Instructions out of text, one a line. Reads the llvm style (what disassemble() prints, with `goto` offsets or labels)
/// and the dialect of the public conformance files ("add32 %r1, -4", "ldxw %r0, [%r1+4]", "lock fetch add [%r10-8], %r1"),
/// mixed freely; '#', ';' and '//' start comments. Errors: where is "line <n>", the text says what was expected.
[[nodiscard]] Result<std::vector<Insn>> assemble(std::string_view text);

}  // namespace skep::isa
