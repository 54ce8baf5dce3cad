// Recursion here follows types by value, which parse() bounded by kMaxNesting.
#include "btf/c_layout.hpp"

#include <algorithm>
#include <array>

namespace skep::btf {
namespace {

constexpr std::uint32_t kMaxAlign = 1u << 28;  // compilers take no more

std::uint64_t round_up(std::uint64_t value, std::uint64_t unit) { return (value + unit - 1) / unit * unit; }

bool straddles(std::uint64_t from, std::uint64_t bits, std::uint64_t unit) { return from % unit + bits > unit; }

}  // namespace

std::uint32_t CLayouts::align_of(TypeId id) {
  for (;;) {
    id = btf_.strip(id);
    const Type& type = btf_.type(id);
    switch (type.kind) {
      case Kind::int_:
      case Kind::float_:
      case Kind::enum_:
      case Kind::enum64:
        return std::max(type.size & (~type.size + 1), 1u);  // an enum that is only declared has no size
      case Kind::ptr:
        return 8;
      case Kind::array:
        id = type.ref;
        break;
      case Kind::struct_:
      case Kind::union_:
        return of(id).align;
      case Kind::void_:
      case Kind::fwd:
      case Kind::typedef_:
      case Kind::volatile_:
      case Kind::const_:
      case Kind::restrict_:
      case Kind::type_tag:
      case Kind::func:
      case Kind::func_proto:
      case Kind::var:
      case Kind::datasec:
      case Kind::decl_tag:
        return 1;
    }
  }
}

const CLayout& CLayouts::of(TypeId id) {
  if (known_[id].align == 0) {
    const Type& type = btf_.type(id);
    known_[id] = type.kind == Kind::struct_ ? of_struct(type) : of_union(type);
  }
  return known_[id];
}

CLayout CLayouts::of_struct(const Type& type) {
  CLayout layout{.align = 1};
  for (const Member& member : btf_.members(type)) {
    if (member.bit_size != 0 && member.name.empty()) continue;
    const std::uint32_t align = align_of(member.type);
    layout.align = std::max(layout.align, align);
    const std::uint64_t unit = std::uint64_t{8} * btf_.size_of(member.type).value_or(1);
    layout.packed = layout.packed || (member.bit_size == 0 ? member.bit_offset % (8 * align) != 0
                                                           : straddles(member.bit_offset, member.bit_size, unit));
  }
  if (!layout.packed && type.size % layout.align == 0) return layout;
  return {.align = 1, .packed = true};
}

CLayout CLayouts::of_union(const Type& type) {
  CLayout layout{.align = 1};
  std::uint64_t bytes = 0;
  for (const Member& member : btf_.members(type)) {
    layout.align = std::max(layout.align, align_of(member.type));
    bytes = std::max(bytes, round_up(bits_of(member), 8) / 8);
  }
  if (bytes == 0) bytes = std::min(type.size, 8u);  // padding: some compilers record a union without its members
  if (round_up(bytes, layout.align) > type.size || type.size % layout.align != 0) layout = {.align = 1, .packed = true};
  if (bytes == 0 || round_up(bytes, layout.align) >= type.size) return layout;
  // Larger than its members: an alignment made it so, and the least that does takes every place the true one took.
  for (std::uint32_t align = layout.align; align <= kMaxAlign; align *= 2)
    if (round_up(bytes, align) == type.size) return {.align = align, .packed = layout.packed, .aligned = align};
  return layout;
}

std::uint64_t CLayouts::place(const CLayout& layout, const Member& member, std::uint64_t from) {
  if (member.bit_size == 0) return round_up(from, layout.packed ? 8 : std::uint64_t{8} * align_of(member.type));
  const std::uint64_t unit = std::uint64_t{8} * btf_.size_of(member.type).value_or(1);
  return !layout.packed && straddles(from, member.bit_size, unit) ? round_up(from, unit) : from;
}

std::uint64_t CLayouts::bits_of(const Member& member) const {
  if (member.bit_size != 0) return member.bit_size;
  return std::uint64_t{8} * btf_.size_of(member.type).value_or(0);
}

CPadding next_padding(std::uint64_t from, std::uint64_t to) {
  constexpr std::array<const char*, 4> kTypes = {"char", "short", "int", "long"};
  const std::uint64_t bits = std::min(to, round_up(from + 1, 64)) - from;
  std::uint64_t unit = 8;
  std::size_t type = 0;
  for (; straddles(from, bits, unit); ++type) unit *= 2;
  return {kTypes[type], static_cast<std::uint32_t>(bits)};
}

}  // namespace skep::btf
