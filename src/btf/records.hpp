// How types lie in the bytes: a common part of three words, then what the kind has. The room's own header.
//
// Whoever reads a word here has checked that it is there; only parse.cpp does that, for all.
#pragma once

#include <array>
#include <cstdint>
#include <cstring>

#include "btf/btf.hpp"

namespace skep::btf {

inline constexpr std::uint32_t kTypeBytes = 12;
inline constexpr std::uint32_t kMemberBytes = 12, kParameterBytes = 8, kSectionVarBytes = 12;
inline constexpr std::uint32_t kEnumeratorBytes = 8, kEnumerator64Bytes = 12;

/// Bytes that follow the common part of a type: a fixed number, and so many for each of its vlen elements. `leaf` is
/// false for what nests other types by value.
struct Shape {
  std::uint8_t fixed, each;
  bool leaf;
};
inline constexpr std::array<Shape, 20> kShapes = {{
    {0, 0, true},                   // void: never recorded
    {4, 0, true},                   // int
    {0, 0, true},                   // ptr
    {12, 0, false},                 // array
    {0, kMemberBytes, false},       // struct
    {0, kMemberBytes, false},       // union
    {0, kEnumeratorBytes, true},    // enum
    {0, 0, true},                   // fwd
    {0, 0, false},                  // typedef
    {0, 0, false},                  // volatile
    {0, 0, false},                  // const
    {0, 0, false},                  // restrict
    {0, 0, true},                   // func
    {0, kParameterBytes, true},     // func_proto
    {4, 0, false},                  // var
    {0, kSectionVarBytes, false},   // datasec
    {0, 0, true},                   // float
    {4, 0, true},                   // decl_tag
    {0, 0, false},                  // type_tag
    {0, kEnumerator64Bytes, true},  // enum64
}};

[[nodiscard]] inline std::uint32_t word_at(const std::byte* at) noexcept {
  std::uint32_t value;
  std::memcpy(&value, at, sizeof value);
  return value;
}

/// The common part.
struct Record {
  std::uint32_t name, info, size_or_ref;

  [[nodiscard]] static Record read(const std::byte* at) noexcept {
    Record record;
    std::memcpy(&record, at, sizeof record);
    return record;
  }
  [[nodiscard]] std::uint32_t kind_number() const noexcept { return info >> 24 & 0x1f; }
  [[nodiscard]] Kind kind() const noexcept { return static_cast<Kind>(kind_number()); }
  [[nodiscard]] bool kind_flag() const noexcept { return info >> 31 != 0; }
  [[nodiscard]] std::uint32_t vlen() const noexcept { return info & 0xffff; }
  [[nodiscard]] std::uint32_t bytes() const noexcept {
    const Shape& shape = kShapes[kind_number()];
    return kTypeBytes + shape.fixed + shape.each * vlen();
  }
};
static_assert(sizeof(Record) == kTypeBytes);

}  // namespace skep::btf
