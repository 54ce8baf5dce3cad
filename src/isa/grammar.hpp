// What the assembler can read: the patterns of all forms as a tree of tokens, walked once a line.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <skep/error.hpp>

#include "isa/lexer.hpp"
#include "isa/table.hpp"

namespace skep::isa {

/// A token that stands in a slot of the pattern; Kind::end where an optional addend is absent.
struct Operand {
  char slot;
  Token token;
};

/// One line of text, understood.
struct Reading {
  Form form;
  std::vector<Operand> operands;
};

/// Immutable once built; any number of threads may read().
class Grammar {
 public:
  /// Made from the table: the patterns of every row.
  Grammar();

  /// The instruction that `tokens` (closed by Kind::end) spell. The error's `where` is empty. Linear in the tokens.
  [[nodiscard]] Result<Reading> read(std::span<const Token> tokens) const;

 private:
  enum class Accept : std::uint8_t { text, value, register64, register32, number, addend, label };
  struct Edge {
    Accept accept;
    std::string text;      ///< Accept::text
    std::uint64_t number;  ///< Accept::value
    std::size_t next;
  };
  struct Node {
    std::vector<Edge> edges;
    bool complete = false;  ///< a pattern ends here: of `form`, with `slots` on the way
    Form form{};
    std::string slots;
  };

  void insert(std::size_t node, std::span<const Token> tokens, Form form, std::string slots);
  std::size_t child(std::size_t node, Accept accept, std::string_view text, std::uint64_t number);
  [[nodiscard]] static bool accepts(const Edge& edge, const Token& token);
  /// The edge that `token` takes; an addend's also when it is absent. Null when there is none.
  [[nodiscard]] static const Edge* follow(const Node& node, const Token& token);
  [[nodiscard]] static std::string complaint(const Node& node, const Token& token);
  [[nodiscard]] static std::string describe(const Edge& edge);
  [[nodiscard]] static std::string needed(const Node& node);

  std::vector<Node> nodes_;
};

/// `token` for a message: quoted, shortened, with unprintable bytes in hex.
[[nodiscard]] std::string quoted(const Token& token);

}  // namespace skep::isa
