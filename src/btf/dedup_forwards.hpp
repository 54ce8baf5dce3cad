// What a forward declaration stands for where its name alone does not say.
//
// A struct that one file holds in full and another with a forward declaration inside is one struct, when nothing else
// tells the two apart: "struct s; struct user { struct s *p; }" is the user of another file whose s is known. What the
// declaration stands for is then read off that place, as libbpf does it. Later types see what earlier ones have
// decided, so that one declaration never comes to mean two things.
#pragma once

#include <unordered_map>
#include <vector>

#include "btf/graph.hpp"

namespace skep::btf {

/// True for structs and unions that are only declared, and for enums without enumerators.
[[nodiscard]] bool is_forward(const Graph& graph, TypeId id);
/// Forward declarations and what they can stand for have one key; 0 for types without a tag.
[[nodiscard]] std::uint64_t tag_key(const Graph& graph, TypeId id);
/// Of the words that are no ids of other types.
[[nodiscard]] std::uint64_t hash_own_words(const Graph& graph, TypeId id);

/// True when that word of a type is the id of another one.
[[nodiscard]] bool refers(Kind kind, std::size_t at) noexcept;

/// Depends on the order in which values are mixed in, and on each of their bits.
constexpr std::uint64_t mix(std::uint64_t hash, std::uint64_t value) {
  hash = hash * 0x9e3779b97f4a7c15 + value + 1;
  hash = (hash ^ hash >> 29) * 0xbf58476d1ce4e5b9;
  return hash ^ hash >> 32;
}

/// One pass over all structs and unions, in the order of their ids.
class PlaceMerge {
 public:
  /// `classes`: by id, the first type that is the same. `merged`: by id, what a type is taken for, itself at first; the
  /// pass adds to it, and what it leaves there is taken for itself. All outlive the pass.
  PlaceMerge(const Graph& graph, const std::vector<TypeId>& classes, std::vector<TypeId>& merged)
      : graph_(graph), classes_(classes), merged_(merged) {}

  /// Takes at most `most_steps`, and leaves what is left of them there; what was found until they end holds. True when
  /// any type was taken for another.
  bool run(std::uint64_t& most_steps);

 private:
  struct Pair {
    TypeId known, other;
  };

  [[nodiscard]] TypeId now(TypeId id) const;
  [[nodiscard]] bool same(TypeId known, TypeId other, std::uint64_t& steps);
  [[nodiscard]] bool same_here(TypeId known, TypeId other);
  void take_over();

  const Graph& graph_;
  const std::vector<TypeId>& classes_;
  std::vector<TypeId>& merged_;
  std::vector<Pair> pairs_;                      ///< that a walk takes for the same, in the order it meets them
  std::unordered_map<TypeId, TypeId> other_of_;  ///< the same by what is known
};

}  // namespace skep::btf
