// The lists are all that code for proven programs consists of; who has a backend emit another instruction says so here.
#include "encoding/contract.hpp"

#include <algorithm>
#include <array>
#include <span>
#include <string_view>

namespace skep::encoding {
namespace {

using Role = MachineCode::Role;

constexpr std::array<std::string_view, 84> kX64Names{
    "add",      "and",      "bswap",        "call",      "cdq",       "cmova",    "cmovae", "cmovb",  "cmovbe",
    "cmove",    "cmovg",    "cmovge",       "cmovl",     "cmovle",    "cmovne",   "cmp",    "cqo",    "dec",
    "div",      "endbr64",  "idiv",         "imul",      "inc",       "ja",       "jae",    "jb",     "jbe",
    "je",       "jg",       "jge",          "jl",        "jle",       "jmp",      "jne",    "js",     "lea",
    "lock add", "lock and", "lock cmpxchg", "lock or",   "lock xadd", "lock xor", "mov",    "movabs", "movaps",
    "movd",     "movdqa",   "movdqu",       "movsx",     "movsxd",    "movups",   "movzx",  "mul",    "mulx",
    "neg",      "nop",      "or",           "paddd",     "pop",       "por",      "psadbw", "pshufd", "pshufhw",
    "pshuflw",  "psllw",    "psrlw",        "punpckhwd", "punpcklwd", "push",     "pxor",   "ret",    "rol",
    "rorx",     "sar",      "sarx",         "shl",       "shlx",      "shr",      "shrx",   "sub",    "test",
    "xchg",     "xor",      "xorps"};

constexpr std::array<std::string_view, 100> kA64Names{
    "add",     "adds",    "addv",    "and",     "asr",     "b",       "b.eq",    "b.ge",    "b.gt",    "b.hi",
    "b.hs",    "b.le",    "b.lo",    "b.ls",    "b.lt",    "b.ne",    "bl",      "blr",     "br",      "bti",
    "casal",   "cbnz",    "cbz",     "ccmp",    "cmn",     "cmp",     "csel.eq", "csel.ge", "csel.gt", "csel.hi",
    "csel.hs", "csel.le", "csel.lo", "csel.ls", "csel.lt", "csel.ne", "dmb.ish", "eor",     "ext",     "fmov",
    "ldadd",   "ldaddal", "ldar",    "ldarb",   "ldarh",   "ldclr",   "ldclral", "ldeor",   "ldeoral", "ldp",
    "ldr",     "ldrb",    "ldrh",    "ldrsb",   "ldrsh",   "ldrsw",   "ldset",   "ldsetal", "ldur",    "ldurb",
    "ldurh",   "ldursb",  "ldursh",  "ldursw",  "ldxr",    "lsl",     "lsr",     "madd",    "mov",     "movi",
    "movk",    "msub",    "mul",     "mvn",     "neg",     "orr",     "ret",     "rev",     "rev64",   "ror",
    "sdiv",    "stadd",   "stclr",   "steor",   "stlr",    "stlrb",   "stlrh",   "stp",     "str",     "strb",
    "strh",    "stset",   "stur",    "sturb",   "sturh",   "stxr",    "sub",     "subs",    "swpal",   "sxtb"};
constexpr std::array<std::string_view, 14> kMoreA64Names{"smulh", "smull", "umulh", "umull",  "movn",   "movz", "nop",
                                                         "sxth",  "sxtw",  "tst",   "uadalp", "uaddlp", "udiv", "uxth"};

template <class Names>
bool is_in(const Names& names, std::string_view name) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

bool is_known(Processor processor, std::string_view name) {
  if (processor == Processor::x64) return is_in(kX64Names, name);
  return is_in(kA64Names, name) || is_in(kMoreA64Names, name);
}

/// It changes no register that it names first.
bool only_looks(std::string_view name) {
  constexpr std::array<std::string_view, 11> kLooks{"cmp",  "test", "push", "call", "jmp", "cmn",
                                                    "ccmp", "tst",  "cbz",  "cbnz", "blr"};
  return is_in(kLooks, name) || name.starts_with("st") || name == "br" || name == "ret";
}

/// What the way in has set up for all; calls move the frame.
bool is_fixed(std::uint8_t reg) { return reg == kMachine || reg == kFrameBottom; }

/// arm64's x6, x7 and x12 to x18, x26 to x28: nobody's, or C's.
bool is_foreign(Processor processor, std::uint8_t reg) {
  if (processor == Processor::x64 || reg < kOthers || reg >= kOthers + 31) return false;
  const unsigned number = reg - unsigned{kOthers};
  return number == 6 || number == 7 || (number >= 12 && number <= 18) || (number >= 26 && number <= 28);
}

}  // namespace

std::string outside_contract(Processor processor, const Decoded& insn, Role role) {
  if (!is_known(processor, insn.name)) return "is no instruction that programs become";
  const std::span operands(insn.operands.data(), insn.count);
  const bool is_program = role == Role::insn;
  const bool pads = insn.name == "nop";
  for (const Operand& operand : operands) {
    if (operand.kind == Operand::Kind::reg && is_program && is_foreign(processor, operand.reg))
      return "names a register that programs do not have";
    if (operand.kind == Operand::Kind::mem && !pads && operand.base == kNoRegister && operand.index == kNoRegister)
      return "looks at no register's place";
  }
  if (insn.count == 0 || operands[0].kind != Operand::Kind::reg || only_looks(insn.name)) return {};
  const Operand& result = operands[0];
  if (result.bits < 32) return "keeps what a register held above";
  const bool brings_back = insn.name == "pop" || insn.name == "ldp" || insn.name == "ldr";
  if (is_program && is_fixed(result.reg) && !brings_back) return "changes what is fixed";
  return {};
}

}  // namespace skep::encoding
