// All types of a Btf as one C header, as `bpftool btf dump ... format c` writes it ("vmlinux.h").
//
// Every named struct, union, enum, typedef and forward declaration is declared once, after what it needs: definitions
// of what it holds by value, forward declarations of what it points to. Compiled again, every type has the size, member
// offsets and bit fields that it had: what alignment alone does not give, unnamed bit fields and attributes do.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <skep/error.hpp>

#include "btf/btf.hpp"

namespace skep::btf {

/// Longest header; a whole kernel's has 3 to 6 MiB.
inline constexpr std::size_t kMaxCText = std::size_t{32} << 20;
/// How deep anonymous types and prototypes may nest in one declaration, and how many pointers, arrays and qualifiers
/// one name may have. Compilers give up not far beyond.
inline constexpr unsigned kMaxCNesting = 64, kMaxCDerivations = 256;
/// Types looked at, those inside anonymous ones each time anew; a whole kernel takes two million.
inline constexpr std::uint32_t kMaxCSteps = 1u << 25;

/// The header. Of split BTF: its own types, and those of the base that they need. Names that C does not take (of other
/// languages, or keywords) are changed to ones it does; names that clash end in ___2, ___3, …. Error: limit, of the
/// four above. Not everything has a C form: members that overlap get a comment, types that contain themselves through
/// an anonymous one are declared as well as can be.
[[nodiscard]] Result<std::string> format_c(const Btf& btf);

/// A variable that C++ is to declare; `type` is one whose values have a size.
struct CppVariable {
  TypeId type = 0;
  std::string_view name;
};
struct CppVariables {
  struct Declaration {
    std::string name;         ///< as an identifier
    std::string text;         ///< "struct event name[4]", without const and volatile
    std::uint32_t align = 1;  ///< bytes, of a member declared so
  };
  std::string types;                      ///< definitions of what the variables need, for a namespace of their own
  std::vector<Declaration> declarations;  ///< in the variables' order, for the same namespace
};
/// The variables as C++20 declares them, laid out as in the object. Limits and renaming as above; bit fields of an enum
/// become integers, and anonymous types in prototypes void.
[[nodiscard]] Result<CppVariables> format_cpp(const Btf& btf, std::span<const CppVariable> variables);

}  // namespace skep::btf
