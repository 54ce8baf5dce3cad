// Where scalars come from, so that "this value had to be exact" reaches the checkpoints that supplied it.
//
// A checkpoint gives each scalar it holds a node. A value computed later carries the node of what it was computed from,
// or a join of two; a value that comes from no checkpoint carries 0. When a check relies on a value, mark_precise()
// marks its node and all before it, each once in its life: no instruction is walked again.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "verifier/state/register.hpp"

namespace skep::verifier {

/// Grows up to kMostNodes; from then on every new value is taken for one that has to be exact.
class Values {
 public:
  static constexpr std::size_t kMostNodes = std::size_t{1} << 20;

  Values() { add(0, 0, true); }

  /// A node of its own for what a checkpoint keeps of a value.
  [[nodiscard]] ValueNode keep(ValueNode from) {
    if (size_ < kMostNodes) return add(from, 0, false);
    mark_precise(from);
    return 0;
  }
  /// The node of a value computed from two.
  [[nodiscard]] ValueNode join(ValueNode a, ValueNode b) {
    if (a == b || b == 0) return a;
    if (a == 0) return b;
    if (size_ < kMostNodes) return add(a, b, precise(a) && precise(b));
    mark_precise(a);
    return b;
  }
  [[nodiscard]] bool precise(ValueNode node) const noexcept { return (at(node).first & kPrecise) != 0; }
  void mark_precise(ValueNode node) {
    todo_.push_back(node);
    while (!todo_.empty()) {
      Node& next = at(todo_.back());
      todo_.pop_back();
      if ((next.first & kPrecise) != 0) continue;
      todo_.push_back(next.second);
      todo_.push_back(next.first);
      next.first |= kPrecise;
      ++marks_;
    }
  }
  /// How many nodes were ever marked.
  [[nodiscard]] std::uint64_t marks() const noexcept { return marks_; }
  /// Nodes there are; the last is size() - 1.
  [[nodiscard]] std::size_t size() const noexcept { return size_; }
  [[nodiscard]] std::size_t bytes() const noexcept {
    return blocks_.size() * kBlock * sizeof(Node) + todo_.capacity() * sizeof(ValueNode);
  }

 private:
  struct Node {
    ValueNode first, second;  ///< what it comes from; kPrecise in `first`
  };
  static constexpr ValueNode kPrecise = ValueNode{1} << 31;
  static constexpr std::size_t kBlock = 512;

  ValueNode add(ValueNode first, ValueNode second, bool precise) {
    if (size_ % kBlock == 0) blocks_.push_back(std::make_unique_for_overwrite<Node[]>(kBlock));
    at(size_) = {first | (precise ? kPrecise : 0), second};
    return size_++;
  }
  [[nodiscard]] Node& at(ValueNode node) noexcept { return blocks_[node / kBlock][node % kBlock]; }
  [[nodiscard]] const Node& at(ValueNode node) const noexcept { return blocks_[node / kBlock][node % kBlock]; }

  std::vector<std::unique_ptr<Node[]>> blocks_;  ///< node 0 is nobody's, and ends every walk
  std::vector<ValueNode> todo_;
  ValueNode size_ = 0;
  std::uint64_t marks_ = 0;
};

}  // namespace skep::verifier
