// Two graphs are walked side by side. Where one has a forward declaration and the other what it can stand for, the walk
// goes on as if they were the same; when it ends without a difference, they are.
#include "btf/dedup_forwards.hpp"

#include <algorithm>

namespace skep::btf {

bool refers(Kind kind, std::size_t at) noexcept {
  const WordPlaces places = type_places(kind);
  const bool in_element = places.step != 0 && at >= places.first && (at - places.first) % places.step == 0;
  return in_element || (at < 8 && (places.fixed >> at & 1) != 0);
}

bool is_forward(const Graph& graph, TypeId id) {
  const Kind kind = graph.kind(id);
  if (kind == Kind::fwd) return true;
  return (kind == Kind::enum_ || kind == Kind::enum64) && graph.vlen(id) == 0;
}

std::uint64_t tag_key(const Graph& graph, TypeId id) {
  enum Tag : std::uint64_t { no_tag, struct_tag, union_tag, enum_tag };
  Tag tag = no_tag;
  const Kind kind = graph.kind(id);
  if (kind == Kind::fwd) tag = graph.kind_flag(id) ? union_tag : struct_tag;
  if (kind == Kind::struct_) tag = struct_tag;
  if (kind == Kind::union_) tag = union_tag;
  if (kind == Kind::enum_ || kind == Kind::enum64) tag = enum_tag;
  const std::uint32_t name = graph.name(id);
  return tag == no_tag || name == 0 ? 0 : std::uint64_t{name} << 2 | tag;
}

std::uint64_t hash_own_words(const Graph& graph, TypeId id) {
  const auto words = graph.words(id);
  const Kind kind = graph.kind(id);
  std::uint64_t hash = mix(words.size(), 0);
  for (std::size_t at = 0; at < words.size(); ++at)
    if (!refers(kind, at)) hash = mix(hash, words[at]);
  return hash;
}

TypeId PlaceMerge::now(TypeId id) const {
  for (id = classes_[id]; merged_[id] != id; id = classes_[merged_[id]]) continue;
  return id;
}

/// Of two types, without those they refer to.
bool PlaceMerge::same_here(TypeId known, TypeId other) {
  const auto ours = graph_.words(known), theirs = graph_.words(other);
  const Kind kind = graph_.kind(known);
  if (ours.size() != theirs.size() || kind != graph_.kind(other)) return false;
  if (kind == Kind::var || kind == Kind::datasec) return false;
  for (std::size_t at = 0; at < ours.size(); ++at)
    if (!refers(kind, at) && ours[at] != theirs[at]) return false;
  return true;
}

/// Fills pairs_. A known type has one counterpart in a walk, also where it is a forward declaration: it cannot stand
/// for two things.
bool PlaceMerge::same(TypeId known, TypeId other, std::uint64_t& steps) {
  pairs_.assign(1, {known, other});
  other_of_.clear();
  other_of_.emplace(known, other);
  for (std::size_t done = 0; done < pairs_.size(); ++done) {
    const auto [a, b] = pairs_[done];
    const bool one_declares = is_forward(graph_, a) != is_forward(graph_, b);
    if (one_declares && tag_key(graph_, a) != 0 && tag_key(graph_, a) == tag_key(graph_, b)) continue;
    const auto ours = graph_.words(a), theirs = graph_.words(b);
    const std::uint64_t cost = 1 + ours.size();
    const bool affordable = steps >= cost;
    steps -= affordable ? cost : steps;
    if (!affordable || !same_here(a, b)) return false;
    for (std::size_t at = 0; at < ours.size(); ++at) {
      if (!refers(graph_.kind(a), at)) continue;
      const Pair next{now(ours[at]), classes_[theirs[at]]};
      if (next.known == now(next.other)) continue;
      const auto [counterpart, is_new] = other_of_.try_emplace(next.known, next.other);
      if (is_new) pairs_.push_back(next);
      if (counterpart->second != next.other) return false;
    }
  }
  return true;
}

void PlaceMerge::take_over() {
  merged_[pairs_.front().other] = pairs_.front().known;
  for (const auto [known, other] : pairs_) {
    const bool known_declares = is_forward(graph_, known), other_declares = is_forward(graph_, other);
    if (known_declares && !other_declares && now(known) == known) merged_[known] = now(other);
    if (other_declares && !known_declares && now(other) == other) merged_[other] = now(known);
  }
}

bool PlaceMerge::run(std::uint64_t& most_steps) {
  bool found = false;
  std::unordered_map<std::uint64_t, std::vector<TypeId>> seen;  // by the hash of their own words
  for (TypeId id = 1; id < graph_.size() && most_steps != 0; ++id) {
    const Kind kind = graph_.kind(id);
    if ((kind != Kind::struct_ && kind != Kind::union_) || now(id) != id) continue;
    auto& like_it = seen[hash_own_words(graph_, id)];
    const auto known = std::find_if(like_it.rbegin(), like_it.rend(),
                                    [&](TypeId each) { return most_steps != 0 && same(each, id, most_steps); });
    if (known == like_it.rend()) {
      like_it.push_back(id);
      continue;
    }
    take_over();
    found = true;
  }
  for (TypeId id = 1; id < graph_.size(); ++id)
    if (const TypeId last = now(id); last != classes_[id]) merged_[id] = last;
  return found;
}

}  // namespace skep::btf
