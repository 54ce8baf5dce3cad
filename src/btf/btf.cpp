// What can be asked of a parsed type graph. Every function here relies on what parse() checked: ids are in range, spans
// lie inside their tables, and chains of types by value end within kMaxNesting steps.
#include "btf/btf.hpp"

#include <algorithm>
#include <bit>
#include <cstring>
#include <functional>
#include <limits>

namespace skep::btf {
namespace {

constexpr std::uint32_t kPointerBytes = 8;

bool is_alias(Kind kind) noexcept {
  return kind == Kind::typedef_ || kind == Kind::volatile_ || kind == Kind::const_ || kind == Kind::restrict_ ||
         kind == Kind::type_tag;
}

template <class T>
std::span<const T> part(const std::vector<T>& table, const Type& type) noexcept {
  return std::span<const T>(table).subspan(type.first, type.vlen);
}

}  // namespace

const Type& Btf::type(TypeId id) const noexcept { return types_[id < types_.size() ? id : 0]; }

std::span<const Member> Btf::members(const Type& type) const noexcept {
  if (type.kind != Kind::struct_ && type.kind != Kind::union_) return {};
  return part(members_, type);
}

std::span<const Enumerator> Btf::enumerators(const Type& type) const noexcept {
  if (type.kind != Kind::enum_ && type.kind != Kind::enum64) return {};
  return part(enumerators_, type);
}

std::span<const Parameter> Btf::parameters(const Type& type) const noexcept {
  if (type.kind != Kind::func_proto) return {};
  return part(parameters_, type);
}

std::span<const SectionVar> Btf::section_vars(const Type& type) const noexcept {
  if (type.kind != Kind::datasec) return {};
  return part(section_vars_, type);
}

std::optional<std::string_view> Btf::string_at(std::uint32_t offset) const noexcept {
  if (offset >= strings_.size()) return std::nullopt;
  const char* start = reinterpret_cast<const char*>(strings_.data()) + offset;
  return std::string_view(start, strnlen(start, std::min(kMaxNameBytes, strings_.size() - offset)));
}

TypeId Btf::strip(TypeId id) const noexcept {
  while (is_alias(type(id).kind)) id = type(id).ref;
  return id;
}

std::optional<std::uint32_t> Btf::size_of(TypeId id) const noexcept {
  std::uint64_t count = 1;
  const auto times = [&count](std::uint64_t bytes) -> std::optional<std::uint32_t> {
    if (count != 0 && bytes > std::numeric_limits<std::uint32_t>::max() / count) return std::nullopt;
    return static_cast<std::uint32_t>(bytes * count);
  };
  for (;;) {
    const Type& t = type(strip(id));
    switch (t.kind) {
      case Kind::int_:
      case Kind::float_:
      case Kind::enum_:
      case Kind::enum64:
      case Kind::struct_:
      case Kind::union_:
      case Kind::datasec:
        return times(t.size);
      case Kind::ptr:
        return times(kPointerBytes);
      case Kind::array: {
        const auto product = times(t.count);
        if (!product) return std::nullopt;
        count = *product;
        id = t.ref;
        break;
      }
      case Kind::var:
        id = t.ref;
        break;
      case Kind::void_:
      case Kind::fwd:
      case Kind::typedef_:
      case Kind::volatile_:
      case Kind::const_:
      case Kind::restrict_:
      case Kind::type_tag:
      case Kind::func:
      case Kind::func_proto:
      case Kind::decl_tag:
        return std::nullopt;
    }
  }
}

std::uint32_t Btf::bucket(Kind kind, std::string_view name) const noexcept {
  const std::size_t hash = std::hash<std::string_view>{}(name) + static_cast<std::size_t>(kind);
  return static_cast<std::uint32_t>(hash & (buckets_.size() - 1));
}

void Btf::index_names() const {
  buckets_.assign(std::bit_ceil(types_.size()), 0);
  next_.assign(types_.size(), 0);
  // From the last to the first, so that every chain ascends and find() meets the first of equal names first.
  for (TypeId id = size(); id-- > 1;) {
    if (types_[id].name.empty()) continue;
    TypeId& head = buckets_[bucket(types_[id].kind, types_[id].name)];
    next_[id] = head;
    head = id;
  }
}

TypeId Btf::find(Kind kind, std::string_view name) const noexcept {
  if (name.empty()) return 0;
  std::call_once(indexed_, [this] { index_names(); });
  TypeId id = buckets_[bucket(kind, name)];
  while (id != 0 && (types_[id].kind != kind || types_[id].name != name)) id = next_[id];
  return id;
}

}  // namespace skep::btf
