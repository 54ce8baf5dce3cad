// The way from a type to one of its fields or values, in the object's types and again in the target's.
//
// A CO-RE record gives the way as member numbers of the local type, "0:1:2". What counts of it are the names and the
// array elements on it: in the target the same names are looked up, through anonymous structs and unions, wherever they
// lie there now.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "btf/core.hpp"
#include "btf/core_compare.hpp"

namespace skep::btf {

/// Numbers in a path, and members passed on the way in the target, as in libbpf.
inline constexpr std::size_t kMaxPathSteps = 64;

/// One step that counts: into a named member, to an array's element, or to an enumerator.
struct CoreStep {
  TypeId type = 0;          ///< struct or union the member is of; type of the element; the enum. Stripped
  std::uint32_t index = 0;  ///< of the member, element or enumerator
  std::string_view name;    ///< of the member or enumerator; empty for an element
};

struct CorePath {
  TypeId root = 0;
  std::vector<CoreStep> steps;   ///< never empty, but for questions about types
  std::uint32_t bit_offset = 0;  ///< from the root's start
};

/// Reads the path of a record. Errors (where is empty): not a path, leads nowhere in the local type.
[[nodiscard]] Result<CorePath> parse_path(const Btf& local, const CoreReloc& reloc);

/// Finds in the target type `root` what `local` leads to, and writes the way there to `found`, which may be half
/// written unless the outcome is `yes`. For questions about types this compares the types.
[[nodiscard]] Match find_path(const CoreComparison& compare, CoreKind kind, const CorePath& local, TypeId root,
                              CorePath& found);

}  // namespace skep::btf
