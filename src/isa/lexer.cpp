// Longest match, left to right. A sign belongs to the number after it, so "[%r10-8]" and "(r10 - 0x8)" hold the same
// tokens.
#include "isa/lexer.hpp"

#include <array>
#include <charconv>
#include <optional>

#include "isa/table.hpp"

namespace skep::isa {
namespace {

constexpr std::array<std::string_view, 14> kLongOperators{
    "<<=", ">>=", "+=", "-=", "*=", "/=", "|=", "&=", "%=", "^=", "==", "!=", "<=", ">="};
constexpr std::string_view kSingles = "=<>&*()[],-+:%/|^!";

bool is_space(char c) { return c == ' ' || c == '\t' || c == '\r'; }
bool is_digit(char c) { return c >= '0' && c <= '9'; }
bool is_letter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || c == '.' || c == '$'; }
bool is_word(char c) { return is_letter(c) || is_digit(c); }

/// The register number in "r7" or "w7".
std::optional<unsigned> register_number(std::string_view word) {
  if (word.size() < 2 || word.size() > 3 || (word[0] != 'r' && word[0] != 'w')) return std::nullopt;
  unsigned number = 0;
  const auto [end, error] = std::from_chars(word.data() + 1, word.data() + word.size(), number);
  const bool canonical = word.size() == 2 || word[1] != '0';
  if (error != std::errc() || end != word.data() + word.size() || number >= kRegisters || !canonical) {
    return std::nullopt;
  }
  return number;
}

class Lexer {
 public:
  explicit Lexer(std::string_view line) : line_(line) {}

  std::vector<Token> run() {
    std::vector<Token> tokens;
    while (tokens.empty() || tokens.back().kind != Token::Kind::end) {
      while (at_ < line_.size() && is_space(line_[at_])) ++at_;
      tokens.push_back(next());
    }
    return tokens;
  }

 private:
  [[nodiscard]] char peek(std::size_t ahead = 0) const {
    return at_ + ahead < line_.size() ? line_[at_ + ahead] : '\0';
  }
  [[nodiscard]] bool starts(std::string_view text) const { return line_.substr(at_).starts_with(text); }

  Token take(Token::Kind kind, std::size_t length) {
    const Token token{kind, line_.substr(at_, length)};
    at_ += length;
    return token;
  }

  Token next() {
    if (at_ >= line_.size() || peek() == '#' || peek() == ';' || starts("//")) return Token{};
    if (peek() == '{' && peek(2) == '}') {
      Token token = take(Token::Kind::slot, 3);
      token.number = static_cast<unsigned char>(token.text[1]);
      return token;
    }
    if (is_letter(peek())) return word();
    if (peek() == '%' && (peek(1) == 'r' || peek(1) == 'w')) {
      ++at_;
      return word();
    }
    if (is_digit(peek())) return number(0);
    for (std::string_view text : kLongOperators) {
      if (starts(text)) return take(Token::Kind::punctuation, text.size());
    }
    if (peek() == '+' || peek() == '-') {
      std::size_t digits = 1;
      while (is_space(peek(digits))) ++digits;
      if (is_digit(peek(digits))) return number(digits);
    }
    const bool known = kSingles.find(peek()) != std::string_view::npos;
    return take(known ? Token::Kind::punctuation : Token::Kind::bad, 1);
  }

  Token word() {
    std::size_t length = 0;
    while (is_word(peek(length))) ++length;
    Token token = take(Token::Kind::word, length);
    if (const auto reg = register_number(token.text)) {
      token.kind = token.text[0] == 'r' ? Token::Kind::register64 : Token::Kind::register32;
      token.number = *reg;
    }
    return token;
  }

  /// A number whose digits start `sign` characters further on.
  Token number(std::size_t sign) {
    std::size_t length = sign;
    while (is_word(peek(length))) ++length;
    Token token = take(Token::Kind::number, length);
    token.has_sign = sign != 0;
    token.negative = token.text[0] == '-';
    std::string_view digits = token.text.substr(sign);
    const bool hex = digits.starts_with("0x") || digits.starts_with("0X");
    if (hex) digits.remove_prefix(2);
    const auto [end, error] =
        std::from_chars(digits.data(), digits.data() + digits.size(), token.number, hex ? 16 : 10);
    if (error != std::errc() || end != digits.data() + digits.size()) token.kind = Token::Kind::bad_number;
    return token;
  }

  std::string_view line_;
  std::size_t at_ = 0;
};

}  // namespace

std::vector<Token> lex(std::string_view line) { return Lexer(line).run(); }

}  // namespace skep::isa
