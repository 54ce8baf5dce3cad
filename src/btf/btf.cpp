// What can be asked of a parsed type graph. Every function here relies on what parse() checked: ids are in range, spans
// lie inside their tables, and chains of types by value end within kMaxNesting steps. What lies before first_ is the
// base's to answer; a base of a base is as deep as the caller made it.
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
std::span<const T> part(const std::vector<T>& table, const Type& type, std::uint32_t first) noexcept {
  return std::span<const T>(table).subspan(type.first - first, type.vlen);
}

std::uint32_t count_of(const auto& table) noexcept { return static_cast<std::uint32_t>(table.size()); }

}  // namespace

Btf::Counts Btf::end() const noexcept {
  return {.type = size(),
          .member = first_.member + count_of(members_),
          .enumerator = first_.enumerator + count_of(enumerators_),
          .parameter = first_.parameter + count_of(parameters_),
          .section_var = first_.section_var + count_of(section_vars_),
          .string_bytes = first_.string_bytes + count_of(strings_)};
}

std::uint32_t Btf::nesting(TypeId id) const noexcept {
  return id < first_.type ? base_->nesting(id) : nesting_[id - first_.type];
}

const Type& Btf::type(TypeId id) const noexcept {
  if (id < first_.type) return base_->type(id);
  if (id < size()) return types_[id - first_.type];
  return base_ ? base_->type(0) : types_[0];
}

std::span<const Member> Btf::members(const Type& type) const noexcept {
  if (type.kind != Kind::struct_ && type.kind != Kind::union_) return {};
  return type.first < first_.member ? base_->members(type) : part(members_, type, first_.member);
}

std::span<const Enumerator> Btf::enumerators(const Type& type) const noexcept {
  if (type.kind != Kind::enum_ && type.kind != Kind::enum64) return {};
  return type.first < first_.enumerator ? base_->enumerators(type) : part(enumerators_, type, first_.enumerator);
}

std::span<const Parameter> Btf::parameters(const Type& type) const noexcept {
  if (type.kind != Kind::func_proto) return {};
  return type.first < first_.parameter ? base_->parameters(type) : part(parameters_, type, first_.parameter);
}

std::span<const SectionVar> Btf::section_vars(const Type& type) const noexcept {
  if (type.kind != Kind::datasec) return {};
  return type.first < first_.section_var ? base_->section_vars(type) : part(section_vars_, type, first_.section_var);
}

std::optional<std::string_view> Btf::string_at(std::uint32_t offset) const noexcept {
  if (offset < first_.string_bytes) return base_->string_at(offset);
  offset -= first_.string_bytes;
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
  buckets_.assign(std::bit_ceil(std::max<std::size_t>(types_.size(), 1)), kNone);
  next_.assign(types_.size(), kNone);
  // From the last to the first, so that every chain ascends and find() meets the first of equal names first.
  for (std::uint32_t at = count_of(types_); at-- > 0;) {
    if (types_[at].name.empty()) continue;
    std::uint32_t& head = buckets_[bucket(types_[at].kind, types_[at].name)];
    next_[at] = head;
    head = at;
  }
}

TypeId Btf::find(Kind kind, std::string_view name) const noexcept {
  if (name.empty()) return 0;
  if (base_ != nullptr)
    if (const TypeId id = base_->find(kind, name); id != 0) return id;
  std::call_once(indexed_, [this] { index_names(); });
  std::uint32_t at = buckets_[bucket(kind, name)];
  while (at != kNone && (types_[at].kind != kind || types_[at].name != name)) at = next_[at];
  return at == kNone ? 0 : first_.type + at;
}

}  // namespace skep::btf
