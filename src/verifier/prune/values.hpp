// Where scalars come from, so that "this value had to be exact" reaches the checkpoints that supplied it.
//
// A checkpoint gives each scalar it holds a node. A value computed later carries the node of what it was computed from,
// or a join of two; a value that comes from no checkpoint carries 0. When a check relies on a value, mark_precise()
// marks its node and all before it, each once in its life: no instruction is walked again.
#pragma once

#include <cstdint>
#include <vector>

#include "verifier/state/register.hpp"

namespace skep::verifier {

class Values {
 public:
  /// A node of its own for what a checkpoint keeps of a value.
  [[nodiscard]] ValueNode keep(ValueNode from) {
    nodes_.push_back({from, 0, false});
    return static_cast<ValueNode>(nodes_.size() - 1);
  }
  /// The node of a value computed from two.
  [[nodiscard]] ValueNode join(ValueNode a, ValueNode b) {
    if (a == b || b == 0) return a;
    if (a == 0) return b;
    nodes_.push_back({a, b, nodes_[a].precise && nodes_[b].precise});
    return static_cast<ValueNode>(nodes_.size() - 1);
  }
  [[nodiscard]] bool precise(ValueNode node) const noexcept { return nodes_[node].precise; }
  void mark_precise(ValueNode node) {
    todo_.push_back(node);
    while (!todo_.empty()) {
      Node& next = nodes_[todo_.back()];
      todo_.pop_back();
      if (next.precise) continue;
      next.precise = true;
      ++marks_;
      todo_.push_back(next.first);
      todo_.push_back(next.second);
    }
  }
  /// How many nodes were ever marked.
  [[nodiscard]] std::uint64_t marks() const noexcept { return marks_; }
  [[nodiscard]] std::size_t bytes() const noexcept { return nodes_.capacity() * sizeof(Node); }

 private:
  struct Node {
    ValueNode first = 0, second = 0;
    bool precise = false;
  };
  std::vector<Node> nodes_{{0, 0, true}};  ///< [0] is nobody's, and ends every walk
  std::vector<ValueNode> todo_;
  std::uint64_t marks_ = 0;
};

}  // namespace skep::verifier
