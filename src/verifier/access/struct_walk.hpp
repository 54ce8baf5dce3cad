// What lies at an offset inside a struct of the kernel, by its BTF: a number, a pointer, or nothing that may be read.
//
// Asks the types only, no state: nested structs and unions are entered, arrays counted through, an open array at a
// struct's end goes on for ever, padding is nothing. Linux' rules (btf_struct_walk).
#pragma once

#include <cstdint>
#include <string_view>

#include "btf/btf.hpp"

namespace skep::verifier {

struct FieldAt {
  enum class Kind : std::uint8_t {
    number,
    pointer,  ///< to a struct or union
    beyond,   ///< past the struct's end
    missing,  ///< no field there: padding, or across two fields
    part,     ///< some bytes of a pointer
  };
  enum class Tag : std::uint8_t { none, user, percpu, rcu };
  Kind kind = Kind::missing;
  Tag tag = Tag::none;    ///< pointer: how the kernel marks it
  bool in_union = false;  ///< on the way a union was entered: which of its members holds is not known
  btf::TypeId type = 0;   ///< pointer: the struct behind it
  std::string_view name;  ///< pointer: the member
};

/// The `bytes` at `offset` of a struct or union.
[[nodiscard]] FieldAt field_at(const btf::Btf& types, btf::TypeId structure, std::uint32_t offset, std::uint32_t bytes);

/// `structure` plus `offset` is a `wanted`, or a struct that begins with one.
[[nodiscard]] bool is_or_starts_with(const btf::Btf& types, btf::TypeId structure, std::uint32_t offset,
                                     btf::TypeId wanted);

}  // namespace skep::verifier
