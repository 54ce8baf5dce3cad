// One line of assembly as tokens. Never fails: what is no token comes out as Token::Kind::bad with the text as it
// stands.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

namespace skep::isa {

struct Token {
  enum class Kind : std::uint8_t {
    word,         ///< mnemonic, label, u32, …
    register64,   ///< r3 or %r3; `number` is 3
    register32,   ///< w3 or %w3
    number,       ///< 5, 0x5, +5, - 5
    punctuation,  ///< operators, brackets, commas
    slot,         ///< {d}, in patterns only; `number` is the letter
    end,          ///< after the last one
    bad_number,   ///< starts like a number, but is none of up to 64 bits
    bad,          ///< a stray byte
  };
  Kind kind = Kind::end;
  std::string_view text;     ///< as in the line; for a register without '%'
  std::uint64_t number = 0;  ///< magnitude
  bool has_sign = false;     ///< number: a '+' or '-' stands before it
  bool negative = false;
};

/// The tokens of `line` up to its end or a comment, closed by one of Kind::end. They point into `line`, a single line.
[[nodiscard]] std::vector<Token> lex(std::string_view line);

}  // namespace skep::isa
