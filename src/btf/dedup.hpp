// Which types of a graph are one and the same, so that one of them can stand for all.
//
// Two types are the same when no walk from them, over members, pointers and all other references, meets a difference:
// what comparing their C declarations in full depth would find, cycles included. A forward declaration is the same as
// the struct, union or enum of its name where all those of that name in the graph are the same; otherwise as what
// stands in its place in a struct or union that differs from its own in nothing else. Variables and sections are never
// the same, they have places of their own.
#pragma once

#include <vector>

#include "btf/graph.hpp"

namespace skep::btf {

/// For each type of the graph, the first that is the same, for Graph::replace(). Work is bounded: past kMaxDedupSteps
/// types that are the same stay apart, which is correct, only larger.
[[nodiscard]] std::vector<TypeId> find_duplicates(const Graph& graph);

inline constexpr std::uint64_t kMaxDedupSteps = 60'000'000;

}  // namespace skep::btf
