// Types as C text, compared: what a header declares, and whether compiling it gives the types that it was made from.
#pragma once

#include <memory>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "btf/btf.hpp"

namespace skep::testing {

using Types = std::shared_ptr<const btf::Btf>;

/// What a header declares at its top level: "struct s", "union u", "enum e", "typedef t", and for forward declarations
/// without a definition "struct s;".
[[nodiscard]] std::multiset<std::string> declared(std::string_view header);

/// The types of a header compiled for BPF; the compiler's words otherwise.
struct Compiled {
  Types types;
  std::string complaint;
};
[[nodiscard]] Compiled compile_header(const std::string& header);

/// Every named struct, union, enum and typedef with its layout in words: sizes, members with offsets, bits and types,
/// anonymous types written out, enumerators. Numbers after clashing names ("___2") and names of integers, which differ
/// between compilers, are left out, so that equal texts are equal layouts.
[[nodiscard]] std::multiset<std::string> layouts(const btf::Btf& types);

/// The first lines that are in one set only; empty when they are equal.
[[nodiscard]] std::string difference(const std::multiset<std::string>& left, const std::multiset<std::string>& right);

/// The types of a BPF object or raw BTF file.
[[nodiscard]] Types types_of(const std::vector<std::byte>& file);

}  // namespace skep::testing
