// Patterns come from frames, one for each kind of operands, with exceptions by operation or form; the words that differ
// from form to form ("$o" the operator, "$n" the width, …) are filled in from the table's row.
#include "isa/spelling.hpp"

#include <array>
#include <optional>

#include <fmt/format.h>

namespace skep::isa {
namespace {

struct Symbol {
  Operation operation;
  std::string_view text;
};

constexpr std::array kSymbols{
    Symbol{Operation::add_, "+="},
    Symbol{Operation::sub_, "-="},
    Symbol{Operation::mul_, "*="},
    Symbol{Operation::div_, "/="},
    Symbol{Operation::sdiv_, "s/="},
    Symbol{Operation::or_, "|="},
    Symbol{Operation::and_, "&="},
    Symbol{Operation::lsh_, "<<="},
    Symbol{Operation::rsh_, ">>="},
    Symbol{Operation::mod_, "%="},
    Symbol{Operation::smod_, "s%="},
    Symbol{Operation::xor_, "^="},
    Symbol{Operation::mov_, "="},
    Symbol{Operation::arsh_, "s>>="},
    Symbol{Operation::le_, "le"},
    Symbol{Operation::be_, "be"},
    Symbol{Operation::bswap_, "bswap"},
    Symbol{Operation::jeq_, "=="},
    Symbol{Operation::jgt_, ">"},
    Symbol{Operation::jge_, ">="},
    Symbol{Operation::jset_, "&"},
    Symbol{Operation::jne_, "!="},
    Symbol{Operation::jsgt_, "s>"},
    Symbol{Operation::jsge_, "s>="},
    Symbol{Operation::jlt_, "<"},
    Symbol{Operation::jle_, "<="},
    Symbol{Operation::jslt_, "s<"},
    Symbol{Operation::jsle_, "s<="},
    Symbol{Operation::atomic_add_, "+="},
    Symbol{Operation::atomic_or_, "|="},
    Symbol{Operation::atomic_and_, "&="},
    Symbol{Operation::atomic_xor_, "^="},
    Symbol{Operation::atomic_fetch_add_, "fetch_add"},
    Symbol{Operation::atomic_fetch_or_, "fetch_or"},
    Symbol{Operation::atomic_fetch_and_, "fetch_and"},
    Symbol{Operation::atomic_fetch_xor_, "fetch_xor"},
};

/// Words a frame may hold: $o the operation's symbol, $m the mnemonic, $n the width in bits, $d $s $z registers of that
/// width, $i $f $k the fixed values of imm, off and src, $w "64" for 64 bits, $x what llvm appends to xchg and cmpxchg.
/// An empty frame: as in the llvm style. `alias`: one more text that the assembler reads.
struct Frame {
  Operands operands;
  std::optional<Operation> operation;  ///< for this operation only
  std::optional<Form> form;            ///< for this form only
  std::string_view llvm;
  std::string_view kernel;
  std::string_view mnemonic;
  std::string_view alias = {};
};

constexpr std::nullopt_t kEvery = std::nullopt;

// The first frame that fits a row is its frame.
constexpr std::array kFrames{
    Frame{Operands::none, kEvery, kEvery, "$m", "", "$m"},
    Frame{Operands::dst, Operation::neg_, kEvery, "$d = -$d", "", "$m {d}"},
    Frame{Operands::dst, Operation::call_, kEvery, "callx {d}", "", "$m {d}", "call {d}"},
    Frame{Operands::dst, Operation::bswap_, kEvery, "{d} = $o$i {d}", "", "$m {d}", "swap$i {d}"},
    Frame{Operands::dst, kEvery, kEvery, "{d} = $o$i {d}", "", "$m {d}"},
    Frame{Operands::dst_imm, kEvery, kEvery, "$d $o {i}", "", "$m {d}, {i}"},
    Frame{Operands::dst_src, Operation::movsx_, kEvery, "$d = (s$f)$s", "", "$m {d}, {s}"},
    Frame{Operands::dst_src, kEvery, kEvery, "$d $o $s", "", "$m {d}, {s}"},
    Frame{Operands::dst_src_imm, kEvery, kEvery, "{d} = $m({s}, {c}, {k})", "", "$m {d}, {s}, {i}"},
    Frame{Operands::jump_off, Operation::ja_, kEvery, "goto {t}", "goto pc{t}", "$m {t}"},
    Frame{Operands::jump_off, kEvery, kEvery, "may_goto {t}", "may_goto pc{t}", "$m {t}"},
    Frame{Operands::jump_imm, kEvery, kEvery, "gotol {T}", "gotol pc{T}", "$m {T}"},
    Frame{Operands::compare_imm, kEvery, kEvery, "if $d $o {i} goto {t}", "if $d $o {u} goto pc{t}",
          "$m {d}, {i}, {t}"},
    Frame{Operands::compare_src, kEvery, kEvery, "if $d $o $s goto {t}", "if $d $o $s goto pc{t}", "$m {d}, {s}, {t}"},
    Frame{Operands::call_imm, kEvery, Form::call_kfunc, "$m {i}, {n}", "call kernel-function#{i}", "$m {i}, {n}"},
    Frame{Operands::call_imm, kEvery, kEvery, "$m {i}", "", "$m {i}"},
    Frame{Operands::call_pc, kEvery, kEvery, "call pc{T}", "", "$m {T}", "call {L}"},
    Frame{Operands::load, Operation::load_, Form::ldx_dw, "{d} = *(u$n *)({s}{o})", "", "$m {d}, [{s}{o}]"},
    Frame{Operands::load, Operation::load_, kEvery, "{d} = *(u$n *)({s}{o})", "", "$m {d}, [{s}{o}]",
          "{D} = *(u$n *)({s}{o})"},
    Frame{Operands::load, Operation::load_signed_, kEvery, "{d} = *(s$n *)({s}{o})", "", "$m {d}, [{s}{o}]"},
    Frame{Operands::load, kEvery, kEvery, "$d = load_acquire((u$n *)({s}{o}))", "{d} = load_acquire((u$n *)({s}{o}))",
          "$m {d}, [{s}{o}]"},
    Frame{Operands::store_imm, kEvery, kEvery, "*(u$n *)({d}{o}) = {i}", "", "$m [{d}{o}], {i}"},
    Frame{Operands::store_src, Operation::store_release_, kEvery, "store_release((u$n *)({d}{o}), $s)",
          "store_release((u$n *)({d}{o}), {s})", "$m [{d}{o}], {s}"},
    Frame{Operands::store_src, kEvery, kEvery, "*(u$n *)({d}{o}) = {s}", "", "$m [{d}{o}], {s}",
          "*(u$n *)({d}{o}) = $s"},
    Frame{Operands::atomic, Operation::atomic_xchg_, kEvery, "$s = xchg$x({d}{o}, $s)",
          "{s} = atomic$w_xchg((u$n *)({d}{o}), {s})", "lock $m [{d}{o}], {s}"},
    Frame{Operands::atomic, Operation::atomic_cmpxchg_, kEvery, "$z = cmpxchg$x({d}{o}, $z, $s)",
          "{z} = atomic$w_cmpxchg((u$n *)({d}{o}), {z}, {s})", "lock $m [{d}{o}], {s}"},
    Frame{Operands::atomic, Operation::atomic_fetch_add_, kEvery, "$s = atomic_$o((u$n *)({d}{o}), $s)",
          "{s} = atomic$w_$o((u$n *)({d}{o}), {s})", "lock $m [{d}{o}], {s}"},
    Frame{Operands::atomic, Operation::atomic_fetch_or_, kEvery, "$s = atomic_$o((u$n *)({d}{o}), $s)",
          "{s} = atomic$w_$o((u$n *)({d}{o}), {s})", "lock $m [{d}{o}], {s}"},
    Frame{Operands::atomic, Operation::atomic_fetch_and_, kEvery, "$s = atomic_$o((u$n *)({d}{o}), $s)",
          "{s} = atomic$w_$o((u$n *)({d}{o}), {s})", "lock $m [{d}{o}], {s}"},
    Frame{Operands::atomic, Operation::atomic_fetch_xor_, kEvery, "$s = atomic_$o((u$n *)({d}{o}), $s)",
          "{s} = atomic$w_$o((u$n *)({d}{o}), {s})", "lock $m [{d}{o}], {s}"},
    Frame{Operands::atomic, kEvery, kEvery, "lock *(u$n *)({d}{o}) $o {s}", "", "lock $m [{d}{o}], {s}",
          "lock *(u$n *)({d}{o}) $o $s"},
    Frame{Operands::lddw, Operation::lddw_imm_, kEvery, "{d} = {q} ll", "{d} = {Q}", "$m {d}, {q}"},
    Frame{Operands::lddw, kEvery, kEvery, "ld_pseudo {d}, $k, {Q}", "{d} = {Q}", ""},
    Frame{Operands::packet_abs, kEvery, kEvery, "{z} = *(u$n *)skb[{i}]", "", "$m {i}"},
    Frame{Operands::packet_ind, kEvery, kEvery, "{z} = *(u$n *)skb[{s}{a}]", "", "$m {s}, {i}"},
};

const Frame& frame_of(const FormInfo& row) {
  for (const Frame& frame : kFrames) {
    const bool fits = frame.operands == row.operands && frame.operation.value_or(row.operation) == row.operation &&
                      frame.form.value_or(row.form) == row.form;
    if (fits) return frame;
  }
  return kFrames.front();
}

std::string_view symbol_of(Operation operation) {
  for (const Symbol& symbol : kSymbols) {
    if (symbol.operation == operation) return symbol.text;
  }
  return {};
}

std::string word(char letter, const FormInfo& row) {
  const bool wide = row.width() == 64;
  switch (letter) {
    case 'o':
      return std::string(symbol_of(row.operation));
    case 'm':
      return std::string(row.mnemonic);
    case 'n':
      return fmt::format("{}", row.width());
    case 'd':
      return wide ? "{d}" : "{D}";
    case 's':
      return wide ? "{s}" : "{S}";
    case 'z':
      return wide ? "{z}" : "{Z}";
    case 'i':
      return fmt::format("{}", row.imm);
    case 'f':
      return fmt::format("{}", row.off);
    case 'k':
      return fmt::format("0x{:x}", row.src);
    case 'w':
      return wide ? "64" : "";
    case 'x':
      return wide ? "_64" : "32_32";
    default:
      return {};
  }
}

std::string fill(std::string_view frame, const FormInfo& row) {
  std::string text;
  for (std::size_t i = 0; i < frame.size(); ++i) {
    if (frame[i] == '$' && i + 1 < frame.size()) {
      text += word(frame[++i], row);
    } else {
      text += frame[i];
    }
  }
  return text;
}

}  // namespace

std::string pattern(const FormInfo& row, Style style) {
  const Frame& frame = frame_of(row);
  switch (style) {
    case Style::llvm:
      return fill(frame.llvm, row);
    case Style::kernel:
      return fill(frame.kernel.empty() ? frame.llvm : frame.kernel, row);
    case Style::mnemonic:
      return fill(frame.mnemonic.empty() ? frame.llvm : frame.mnemonic, row);
  }
  return {};
}

std::vector<std::string> readable_patterns(const FormInfo& row) {
  std::vector<std::string> patterns{pattern(row, Style::llvm), pattern(row, Style::mnemonic)};
  if (const Frame& frame = frame_of(row); !frame.alias.empty()) patterns.push_back(fill(frame.alias, row));
  return patterns;
}

}  // namespace skep::isa
