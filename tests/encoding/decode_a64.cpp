// llvm-mc-19 on arm64 code. All instructions are four bytes, so each word is asked for once, many in one go; the text
// that comes back names registers, which are turned into ours.
#include <algorithm>
#include <array>
#include <charconv>
#include <set>
#include <sstream>
#include <string_view>
#include <unordered_map>

#include "encoding/decoded.hpp"
#include "support/tools.hpp"

namespace skep::encoding {
namespace {

constexpr std::size_t kWord = 4;
constexpr unsigned kNumbered = 31;  // x0 to x30
/// Ours of x0 to x30: r0 to r5 come first, r6 to r9 and the frame are x19 to x23, the machine is x24.
constexpr std::uint8_t ours(unsigned number) {
  if (number <= 5) return static_cast<std::uint8_t>(number);
  if (number >= 19 && number <= 23) return static_cast<std::uint8_t>(number - 19 + 6);
  if (number == 24) return kMachine;
  if (number == 25) return kFrameBottom;
  return static_cast<std::uint8_t>(kOthers + number);
}

std::uint32_t word_at(std::span<const std::byte> code, std::size_t at) {
  std::uint32_t word = 0;
  for (std::size_t i = 0; i < kWord; ++i) word |= std::to_integer<std::uint32_t>(code[at + i]) << (8 * i);
  return word;
}

std::optional<std::int64_t> number(std::string_view text) {
  const bool negative = text.starts_with('-');
  if (negative) text.remove_prefix(1);
  const bool is_hex = text.starts_with("0x");
  if (is_hex) text.remove_prefix(2);
  std::uint64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value, is_hex ? 16 : 10);
  if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return static_cast<std::int64_t>(negative ? 0 - value : value);
}

Operand register_operand(std::string_view text) {
  Operand operand{Operand::Kind::reg};
  operand.bits = text.starts_with('w') ? 32 : 64;
  if (text == "sp" || text == "xzr" || text == "wzr") {
    operand.reg = text == "sp" ? kStackPointer : kZero;
    return operand;
  }
  const bool named = text.starts_with('x') || text.starts_with('w');
  const auto which = named ? number(text.substr(1)) : std::nullopt;
  if (!which || *which < 0 || *which >= static_cast<std::int64_t>(kNumbered)) return {Operand::Kind::other};
  operand.reg = ours(static_cast<unsigned>(*which));
  return operand;
}

/// At the commas that are not between brackets.
std::vector<std::string> split(std::string_view text) {
  std::vector<std::string> pieces(1);
  bool inside = false;
  for (const char c : text) {
    inside = (inside || c == '[') && c != ']';
    if (c == ',' && !inside)
      pieces.emplace_back();
    else if (c != ' ' || !pieces.back().empty())
      pieces.back() += c;
  }
  return pieces;
}

/// "lsl #3": the operand, shifted; false when it is none.
bool shift(Operand& operand, std::string_view text) {
  constexpr std::array<std::string_view, 3> kDirections{"lsl #", "lsr #", "asr #"};
  const auto* found = std::find_if(kDirections.begin(), kDirections.end(), [&](auto d) { return text.starts_with(d); });
  const auto by = found != kDirections.end() ? number(text.substr(found->size())) : std::nullopt;
  if (!by) return false;
  operand.shift = static_cast<std::uint8_t>(*by);
  operand.direction = static_cast<Operand::Shift>(found - kDirections.begin());
  return true;
}

/// What addresses are written back to or modified otherwise is no kind that tests look into.
Operand memory_operand(std::string_view text) {
  Operand operand{Operand::Kind::mem};
  if (!text.ends_with(']')) return {Operand::Kind::other};
  const auto pieces = split(text.substr(1, text.size() - 2));
  operand.base = register_operand(pieces[0]).reg;
  for (std::size_t i = 1; i < pieces.size(); ++i) {
    if (shift(operand, pieces[i])) continue;
    if (pieces[i].starts_with('#') && number(pieces[i].substr(1)))
      operand.imm = *number(pieces[i].substr(1));
    else if (pieces[i].starts_with('x'))
      operand.index = register_operand(pieces[i]).reg;
    else
      return {Operand::Kind::other};
  }
  return operand;
}

Operand operand_of(const std::string& text) {
  if (text.starts_with('[')) return memory_operand(text);
  if (!text.starts_with('#')) return register_operand(text);
  const auto value = number(std::string_view(text).substr(1));
  if (!value) return {Operand::Kind::other};
  Operand operand{Operand::Kind::imm};
  operand.imm = *value;
  return operand;
}

bool is_jump(std::string_view name) {
  return name == "b" || name == "bl" || name == "cbz" || name == "cbnz" || name == "tbz" || name == "tbnz" ||
         name.starts_with("b.");
}

/// One line of llvm-mc: "\tadd\tx0, x1, #4".
Decoded parsed(std::string_view line) {
  Decoded decoded;
  decoded.bytes = kWord;
  line.remove_prefix(1);
  const std::size_t gap = line.find('\t');
  decoded.name = line.substr(0, gap);
  if (gap == std::string_view::npos) return decoded;
  std::string_view rest = line.substr(gap + 1);
  while (rest.ends_with(' ')) rest.remove_suffix(1);
  for (const std::string& piece : split(rest)) {
    if (decoded.count != 0 && shift(decoded.operands[decoded.count - 1u], piece)) continue;
    if (decoded.count < decoded.operands.size()) decoded.operands[decoded.count++] = operand_of(piece);
  }
  // Names that are no registers are operands of another kind, which the mnemonic takes in.
  if (decoded.name == "csel" || decoded.name == "dmb") decoded.name += "." + split(rest).back();
  if (is_jump(decoded.name)) {
    const Operand& last = decoded.operands[decoded.count - 1u];
    if (last.kind == Operand::Kind::imm) decoded.leads_to = last.imm;
  }
  return decoded;
}

class A64Decoder final : public Decoder {
 public:
  void expect(std::span<const std::span<const std::byte>> codes) override {
    if (seen_.size() > kSeenAtMost) seen_.clear();
    std::set<std::uint32_t> unknown;
    for (const auto code : codes)
      for (std::size_t at = 0; at + kWord <= code.size(); at += kWord)
        if (const std::uint32_t word = word_at(code, at); !words_.contains(word)) unknown.insert(word);
    if (!unknown.empty()) ask(unknown);
  }

  const std::vector<Decoded>* decode(std::span<const std::byte> code) override {
    const std::string key(reinterpret_cast<const char*>(code.data()), code.size());
    if (const auto found = seen_.find(key); found != seen_.end()) return &found->second;
    if (code.size() % kWord != 0) return nullptr;
    std::vector<Decoded> insns;
    for (std::size_t at = 0; at < code.size(); at += kWord) {
      const auto found = words_.find(word_at(code, at));
      if (found == words_.end()) return nullptr;
      Decoded& insn = insns.emplace_back(found->second);
      insn.at = static_cast<std::uint32_t>(at);
      if (insn.leads_to) *insn.leads_to += static_cast<std::int64_t>(at);
    }
    return &seen_.emplace(key, std::move(insns)).first->second;
  }

 private:
  static constexpr std::size_t kSeenAtMost = 200'000;

  void ask(const std::set<std::uint32_t>& words) {
    std::string input;
    for (const std::uint32_t word : words) {
      for (std::size_t i = 0; i < kWord; ++i) input += std::to_string(word >> (8 * i) & 0xff) + " ";
      input += "\n";
    }
    const tools::Scratch scratch;
    const std::string file = scratch.write("words", input);
    const auto output =
        tools::output_of("llvm-mc-19 --disassemble --triple=aarch64 --mattr=+v8.5a --show-encoding " + file);
    std::istringstream lines(output.value_or(""));
    constexpr std::string_view kComment = "// encoding: [";
    for (std::string line; std::getline(lines, line);) {
      const std::size_t comment = line.find(kComment);
      if (comment == std::string::npos) continue;
      std::uint32_t word = 0;
      for (std::size_t i = 0; i < kWord; ++i) {
        const auto byte = number(std::string_view(line).substr(comment + kComment.size() + 5 * i, 4));
        word |= static_cast<std::uint32_t>(byte.value_or(0)) << (8 * i);
      }
      std::string_view text = std::string_view(line).substr(0, comment);
      while (text.ends_with(' ')) text.remove_suffix(1);
      words_.emplace(word, parsed(text));
    }
  }

  std::unordered_map<std::uint32_t, Decoded> words_;
  std::unordered_map<std::string, std::vector<Decoded>> seen_;
};

}  // namespace

std::unique_ptr<Decoder> make_decoder(std::string& why) {
  if (tools::have("llvm-mc-19")) return std::make_unique<A64Decoder>();
  why = "llvm-mc-19 is not installed";
  return nullptr;
}

}  // namespace skep::encoding
