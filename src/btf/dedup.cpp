// Found by hashing, proved by comparing.
//
// At first a type's hash is that of its own words, without those that refer to other types. Each round mixes in the
// hashes of what it refers to, so that after n rounds equal hashes mean: no difference within n steps. When a round
// tells no more types apart, none ever will. The classes of equal hashes are then compared word for word, where words
// that refer must lead to one class: what passes is right whatever hashes collided, and what does not is left as it
// was.
//
// Forward declarations are hashed as what they would stand for. That holds only if all candidates of the name end in
// one class; names for which they do not are put aside, and all is done again without those. What is put aside may
// then be told by the places where it is used; what that merges is taken as given, and all is done once more.
#include "btf/dedup.hpp"

#include <algorithm>
#include <numeric>
#include <unordered_map>

#include "btf/dedup_forwards.hpp"

namespace skep::btf {
namespace {

/// True for what has a place of its own, so that two are never the same.
bool is_unique(Kind kind) { return kind == Kind::var || kind == Kind::datasec; }

class Search {
 public:
  explicit Search(const Graph& graph) : graph_(graph), size_(graph.size()) {}

  [[nodiscard]] std::vector<TypeId> run();

 private:
  void find_forwards();
  bool find_classes();
  bool hash_to_the_end();
  void make_classes();
  bool put_aside_ambiguous();
  [[nodiscard]] bool proved() const;

  [[nodiscard]] bool is_forward(TypeId id) const { return btf::is_forward(graph_, id); }
  [[nodiscard]] std::uint64_t tag_key(TypeId id) const { return btf::tag_key(graph_, id); }
  [[nodiscard]] std::uint64_t own_hash(TypeId id) const;
  [[nodiscard]] bool same_words(TypeId a, TypeId b) const;
  bool spend(std::uint64_t steps) {
    const bool enough = steps <= steps_left_;
    steps_left_ -= enough ? steps : steps_left_;
    return enough;
  }

  const Graph& graph_;
  const TypeId size_;
  std::uint64_t steps_left_ = kMaxDedupSteps;
  bool some_ambiguous_ = false;
  std::vector<TypeId> merged_;      ///< by id: itself, or what it was taken for by its place
  std::vector<TypeId> stands_for_;  ///< by id: that, or for other forward declarations the first candidate
  std::vector<TypeId> candidates_;  ///< all structs, unions and enums that forward declarations may stand for
  std::vector<std::uint64_t> hashes_;
  std::vector<TypeId> classes_;  ///< by id: the first of its class
};

void Search::find_forwards() {
  stands_for_ = merged_;
  candidates_.clear();
  std::unordered_map<std::uint64_t, TypeId> first_of;
  for (TypeId id = 1; id < size_; ++id)
    if (const std::uint64_t key = tag_key(id); key != 0 && !is_forward(id)) first_of.try_emplace(key, id);
  std::unordered_map<std::uint64_t, TypeId> wanted;
  for (TypeId id = 1; id < size_; ++id) {
    if (!is_forward(id) || merged_[id] != id) continue;
    const auto found = first_of.find(tag_key(id));
    if (found == first_of.end()) continue;
    stands_for_[id] = merged_[found->second];
    wanted.insert(*found);
  }
  for (TypeId id = 1; id < size_; ++id)
    if (!is_forward(id) && wanted.contains(tag_key(id))) candidates_.push_back(id);
}

std::uint64_t Search::own_hash(TypeId id) const {
  return mix(hash_own_words(graph_, id), is_unique(graph_.kind(id)) ? id : 0);
}

/// False when the allowance ends before the classes are found.
bool Search::hash_to_the_end() {
  // Sorting the hashes, to count different ones, is what a round costs a type besides its words.
  constexpr std::uint64_t kStepsPerType = 8;
  std::uint64_t round = 0;
  for (TypeId id = 1; id < size_; ++id) round += graph_.words(id).size() + kStepsPerType;
  if (!spend(round)) return false;
  hashes_.assign(size_, 0);
  for (TypeId id = 1; id < size_; ++id) hashes_[id] = own_hash(id);
  std::vector<std::uint64_t> next(size_), sorted;
  for (std::size_t known = 0;;) {
    sorted.assign(hashes_.begin() + 1, hashes_.end());
    std::sort(sorted.begin(), sorted.end());
    const auto different = static_cast<std::size_t>(std::unique(sorted.begin(), sorted.end()) - sorted.begin());
    if (different <= known) return true;
    known = different;
    if (!spend(round)) return false;
    for (TypeId id = 1; id < size_; ++id) {
      std::uint64_t hash = hashes_[id];
      visit_words(graph_.words(id), type_places(graph_.kind(id)),
                  [&](std::uint32_t ref) { hash = mix(hash, hashes_[stands_for_[ref]]); });
      next[id] = hash;
    }
    hashes_.swap(next);
  }
}

void Search::make_classes() {
  std::vector<TypeId> by_hash;
  by_hash.reserve(size_);
  for (TypeId id = 1; id < size_; ++id)
    if (stands_for_[id] == id) by_hash.push_back(id);
  std::sort(by_hash.begin(), by_hash.end(),
            [this](TypeId a, TypeId b) { return hashes_[a] != hashes_[b] ? hashes_[a] < hashes_[b] : a < b; });
  classes_.assign(size_, 0);
  TypeId first = 0;
  for (const TypeId id : by_hash) {
    if (first == 0 || hashes_[first] != hashes_[id]) first = id;
    classes_[id] = first;
  }
  for (TypeId id = 1; id < size_; ++id)
    if (stands_for_[id] != id) classes_[id] = classes_[stands_for_[id]];
}

/// Forward declarations whose candidates differ stand for themselves from now on; true when there are any.
bool Search::put_aside_ambiguous() {
  std::unordered_map<std::uint64_t, TypeId> class_of;
  std::vector<std::uint64_t> ambiguous;
  for (const TypeId id : candidates_) {
    const auto [known, is_new] = class_of.try_emplace(tag_key(id), classes_[id]);
    if (!is_new && known->second != classes_[id]) ambiguous.push_back(known->first);
  }
  std::sort(ambiguous.begin(), ambiguous.end());
  const auto is_ambiguous = [&](TypeId id) {
    return std::binary_search(ambiguous.begin(), ambiguous.end(), tag_key(id));
  };
  for (TypeId id = 1; id < size_; ++id)
    if (stands_for_[id] != merged_[id] && is_ambiguous(id)) stands_for_[id] = id;
  std::erase_if(candidates_, is_ambiguous);
  some_ambiguous_ = some_ambiguous_ || !ambiguous.empty();
  return !ambiguous.empty();
}

bool Search::same_words(TypeId a, TypeId b) const {
  if (a == b) return true;
  const auto ours = graph_.words(a), theirs = graph_.words(b);
  const Kind kind = graph_.kind(a);
  if (ours.size() != theirs.size() || kind != graph_.kind(b) || is_unique(kind)) return false;
  for (std::size_t at = 0; at < ours.size(); ++at)
    if (refers(kind, at) ? classes_[ours[at]] != classes_[theirs[at]] : ours[at] != theirs[at]) return false;
  return true;
}

bool Search::proved() const {
  for (TypeId id = 1; id < size_; ++id)
    if (stands_for_[id] == id && !same_words(classes_[id], id)) return false;
  return true;
}

/// False when the allowance ends, or hashes collided.
bool Search::find_classes() {
  some_ambiguous_ = false;
  find_forwards();
  do {
    if (!hash_to_the_end()) return false;
    make_classes();
  } while (put_aside_ambiguous());
  return proved();
}

std::vector<TypeId> Search::run() {
  merged_.resize(size_);
  std::iota(merged_.begin(), merged_.end(), 0);
  std::vector<TypeId> found = merged_;
  while (find_classes()) {
    found = classes_;
    if (!some_ambiguous_ || !PlaceMerge(graph_, classes_, merged_).run(steps_left_)) break;
  }
  return found;
}

}  // namespace

std::vector<TypeId> find_duplicates(const Graph& graph) { return Search(graph).run(); }

}  // namespace skep::btf
