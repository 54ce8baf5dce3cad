// The tree is built anew for every assembler (a few hundred short patterns, half a millisecond); it shares nothing and
// needs no locks.
//
// Invariant: reading never backtracks, because no node has two edges that accept one token, fixed words before labels
// aside.
#include "isa/grammar.hpp"

#include <fmt/format.h>

#include "isa/spelling.hpp"

namespace skep::isa {

Grammar::Grammar() : nodes_(1) {
  for (const FormInfo& row : forms()) {
    for (const std::string& text : readable_patterns(row)) insert(0, lex(text), row.form, {});
  }
}

void Grammar::insert(std::size_t node, std::span<const Token> tokens, Form form, std::string slots) {
  const Token& token = tokens.front();
  const auto go = [&](Accept accept) {
    insert(child(node, accept, token.text, token.number), tokens.subspan(1), form, slots);
  };
  if (token.kind == Token::Kind::end) {
    nodes_[node].complete = true;
    nodes_[node].form = form;
    nodes_[node].slots = std::move(slots);
    return;
  }
  if (token.kind != Token::Kind::slot) return go(token.kind == Token::Kind::number ? Accept::value : Accept::text);
  const char letter = static_cast<char>(token.number);
  slots += letter;
  switch (letter) {
    case slot::dst:
    case slot::src:
    case slot::r0:
      return go(Accept::register64);
    case slot::dst32:
    case slot::src32:
    case slot::r0_32:
      return go(Accept::register32);
    case slot::off_addend:
    case slot::imm_addend:
      return go(Accept::addend);
    case slot::target_off:
    case slot::target_imm:
      go(Accept::label);
      return go(Accept::number);
    case slot::label_imm:
      return go(Accept::label);
    default:
      return go(Accept::number);
  }
}

std::size_t Grammar::child(std::size_t node, Accept accept, std::string_view text, std::uint64_t number) {
  for (const Edge& edge : nodes_[node].edges) {
    if (edge.accept != accept) continue;
    if (accept == Accept::text && edge.text != text) continue;
    if (accept == Accept::value && edge.number != number) continue;
    return edge.next;
  }
  const std::size_t next = nodes_.size();
  // Fixed words go first: `call local x` is not a call to a label "local".
  auto& edges = nodes_[node].edges;
  const bool fixed = accept == Accept::text || accept == Accept::value;
  edges.insert(fixed ? edges.begin() : edges.end(), Edge{accept, std::string(text), number, next});
  nodes_.emplace_back();
  return next;
}

bool Grammar::accepts(const Edge& edge, const Token& token) {
  switch (edge.accept) {
    case Accept::text:
      return (token.kind == Token::Kind::word || token.kind == Token::Kind::punctuation) && token.text == edge.text;
    case Accept::value:
      return token.kind == Token::Kind::number && !token.negative && token.number == edge.number;
    case Accept::register64:
      return token.kind == Token::Kind::register64;
    case Accept::register32:
      return token.kind == Token::Kind::register32;
    case Accept::number:
      return token.kind == Token::Kind::number;
    case Accept::addend:
      return token.kind == Token::Kind::number && token.has_sign;
    case Accept::label:
      return token.kind == Token::Kind::word;
  }
  return false;
}

std::string Grammar::describe(const Edge& edge) {
  switch (edge.accept) {
    case Accept::text:
    case Accept::value:
      return fmt::format("'{}'", edge.text);
    case Accept::register64:
      return "a register r0 to r10";
    case Accept::register32:
      return "a register w0 to w10";
    case Accept::number:
      return "a number";
    case Accept::addend:
      return "an offset with its sign";
    case Accept::label:
      return "a label";
  }
  return {};
}

std::string Grammar::needed(const Node& node) {
  constexpr std::size_t kMostWorthListing = 16;
  if (node.edges.size() > kMostWorthListing) return "an instruction";
  std::string text = node.complete ? "the end of the line" : "";
  for (const Edge& edge : node.edges) text += (text.empty() ? "" : " or ") + describe(edge);
  return text;
}

const Grammar::Edge* Grammar::follow(const Node& node, const Token& token) {
  for (const Edge& edge : node.edges) {
    if (edge.accept == Accept::addend || accepts(edge, token)) return &edge;
  }
  return nullptr;
}

Result<Reading> Grammar::read(std::span<const Token> tokens) const {
  const Node* node = &nodes_.front();
  std::vector<Token> filled;
  while (tokens.front().kind != Token::Kind::end || !node->complete) {
    const Token& token = tokens.front();
    const Edge* edge = follow(*node, token);
    if (edge == nullptr) return fail(ErrorCode::malformed, "", complaint(*node, token));
    const bool absent = !accepts(*edge, token);
    const bool fixed = edge->accept == Accept::text || edge->accept == Accept::value;
    if (!fixed) filled.push_back(absent ? Token{} : token);
    if (!absent) tokens = tokens.subspan(1);
    node = &nodes_[edge->next];
  }
  Reading reading{node->form, {}};
  for (std::size_t i = 0; i < filled.size(); ++i) reading.operands.push_back({node->slots[i], filled[i]});
  return reading;
}

std::string Grammar::complaint(const Node& node, const Token& token) {
  if (token.kind == Token::Kind::bad_number) {
    return fmt::format("{} is no number, must be decimal or 0x hex of up to 64 bits", quoted(token));
  }
  return fmt::format("seen {}, needed {}", quoted(token), needed(node));
}

std::string quoted(const Token& token) {
  constexpr std::size_t kLongest = 40;
  if (token.kind == Token::Kind::end) return "the end of the line";
  std::string text = "'";
  for (char c : token.text.substr(0, kLongest)) {
    const auto byte = static_cast<unsigned char>(c);
    text += byte >= 0x20 && byte < 0x7f ? std::string(1, c) : fmt::format("\\x{:02x}", byte);
  }
  return text + (token.text.size() > kLongest ? "…'" : "'");
}

}  // namespace skep::isa
