// What can be asked of a parsed type graph: types and their parts, decoded from the bytes. Every function here relies
// on what parse() checked: records and ids are in range, names end, and chains of types by value end within kMaxNesting
// steps. What lies before first_type_ is the base's to answer; a base of a base is as deep as the caller made it.
#include "btf/btf.hpp"

#include <algorithm>
#include <array>
#include <bit>
#include <cstring>
#include <functional>
#include <limits>

#include "btf/records.hpp"

namespace skep::btf {
namespace {

constexpr std::uint32_t kPointerBytes = 8;
constexpr std::size_t kMaxIndexedName = 512;  // bytes: no longer name is ever looked for, in Linux as here

bool is_alias(Kind kind) noexcept {
  return kind == Kind::typedef_ || kind == Kind::volatile_ || kind == Kind::const_ || kind == Kind::restrict_ ||
         kind == Kind::type_tag;
}

std::string_view name_at(const char* text) noexcept { return {text, strnlen(text, kMaxNameBytes)}; }

/// All of a type but its name.
Type decode(const std::byte* at) noexcept {
  const Record record = Record::read(at);
  const std::byte* const rest = at + kTypeBytes;
  Type type;
  type.kind = record.kind();
  type.kind_flag = record.kind_flag();
  switch (type.kind) {
    case Kind::void_:
    case Kind::fwd:
      break;
    case Kind::int_: {
      const std::uint32_t data = word_at(rest);
      type.size = record.size_or_ref;
      type.int_encoding = data >> 24 & 0xf;
      type.int_bit_offset = data >> 16 & 0xff;
      type.int_bits = data & 0xff;
      break;
    }
    case Kind::float_:
      type.size = record.size_or_ref;
      break;
    case Kind::array:
      type.ref = word_at(rest);
      type.index = word_at(rest + 4);
      type.count = word_at(rest + 8);
      break;
    case Kind::struct_:
    case Kind::union_:
    case Kind::enum_:
    case Kind::enum64:
    case Kind::datasec:
      type.size = record.size_or_ref;
      type.vlen = record.vlen();
      type.elements = rest;
      break;
    case Kind::func_proto:
      type.ref = record.size_or_ref;
      type.vlen = record.vlen();
      type.elements = rest;
      break;
    case Kind::ptr:
    case Kind::typedef_:
    case Kind::volatile_:
    case Kind::const_:
    case Kind::restrict_:
    case Kind::type_tag:
      type.ref = record.size_or_ref;
      break;
    case Kind::func:
      type.ref = record.size_or_ref;
      type.linkage = record.vlen();
      break;
    case Kind::var:
      type.ref = record.size_or_ref;
      type.linkage = word_at(rest);
      break;
    case Kind::decl_tag:
      type.ref = record.size_or_ref;
      type.component = std::bit_cast<std::int32_t>(word_at(rest));
      break;
  }
  return type;
}

/// What stands for void, and for ids past the end.
constexpr std::array<std::byte, kTypeBytes> kVoidRecord{};

}  // namespace

const std::byte* Btf::record(TypeId id) const noexcept {
  if (id < first_type_) return base_->record(id);
  if (id == 0 || id >= end_type_) return kVoidRecord.data();
  const std::uint32_t index = id - std::max(first_type_, 1u);
  const std::byte* at = records_.data() + marks_[index / kMarked];
  for (std::uint32_t steps = index % kMarked; steps > 0; --steps) at += Record::read(at).bytes();
  return at;
}

const char* Btf::text_at(std::uint32_t offset) const noexcept {
  if (offset == 0) return "";
  if (offset < first_string_) return base_->text_at(offset);
  return reinterpret_cast<const char*>(strings_.data()) + (offset - first_string_);
}

Type Btf::type(TypeId id) const noexcept {
  const std::byte* at = record(id);
  Type type = decode(at);
  type.name = name_at(text_at(Record::read(at).name));
  return type;
}

Kind Btf::kind(TypeId id) const noexcept { return Record::read(record(id)).kind(); }

template <>
Member Elements<Member>::operator[](std::size_t index) const noexcept {
  const std::byte* const at = at_ + index * step_;
  // With bit fields about, the offset's upper byte is the width; without, all of it is the offset.
  const std::uint32_t offset = word_at(at + 8);
  return {.name = name_at(btf_->text_at(word_at(at))),
          .type = word_at(at + 4),
          .bit_offset = flag_ ? offset & 0xffffff : offset,
          .bit_size = flag_ ? offset >> 24 : 0};
}

template <>
Enumerator Elements<Enumerator>::operator[](std::size_t index) const noexcept {
  const std::byte* const at = at_ + index * step_;
  const std::uint32_t low = word_at(at + 4);
  Enumerator made{.name = name_at(btf_->text_at(word_at(at)))};
  if (step_ == kEnumerator64Bytes)
    made.value = low | std::uint64_t{word_at(at + 8)} << 32;
  else
    made.value = flag_ ? static_cast<std::uint64_t>(std::int64_t{std::bit_cast<std::int32_t>(low)}) : low;
  return made;
}

template <>
Parameter Elements<Parameter>::operator[](std::size_t index) const noexcept {
  const std::byte* const at = at_ + index * step_;
  return {.name = name_at(btf_->text_at(word_at(at))), .type = word_at(at + 4)};
}

template <>
SectionVar Elements<SectionVar>::operator[](std::size_t index) const noexcept {
  const std::byte* const at = at_ + index * step_;
  return {.var = word_at(at), .offset = word_at(at + 4), .size = word_at(at + 8)};
}

template <class T>
Elements<T> Btf::elements(const Type& type, std::uint32_t step) const noexcept {
  Elements<T> all;
  all.btf_ = this;
  all.at_ = type.elements;
  all.count_ = type.vlen;
  all.step_ = static_cast<std::uint8_t>(step);
  all.flag_ = type.kind_flag;
  return all;
}

Elements<Member> Btf::members(const Type& type) const noexcept {
  if (type.kind != Kind::struct_ && type.kind != Kind::union_) return {};
  return elements<Member>(type, kMemberBytes);
}

Elements<Enumerator> Btf::enumerators(const Type& type) const noexcept {
  if (type.kind == Kind::enum_) return elements<Enumerator>(type, kEnumeratorBytes);
  if (type.kind == Kind::enum64) return elements<Enumerator>(type, kEnumerator64Bytes);
  return {};
}

Elements<Parameter> Btf::parameters(const Type& type) const noexcept {
  if (type.kind != Kind::func_proto) return {};
  return elements<Parameter>(type, kParameterBytes);
}

Elements<SectionVar> Btf::section_vars(const Type& type) const noexcept {
  if (type.kind != Kind::datasec) return {};
  return elements<SectionVar>(type, kSectionVarBytes);
}

std::optional<std::string_view> Btf::string_at(std::uint32_t offset) const noexcept {
  if (offset >= first_string_ + strings_.size()) return std::nullopt;
  return name_at(text_at(offset));
}

TypeId Btf::strip(TypeId id) const noexcept {
  for (;;) {
    const Record record = Record::read(this->record(id));
    if (!is_alias(record.kind())) return id;
    id = record.size_or_ref;
  }
}

std::optional<std::uint32_t> Btf::size_of(TypeId id) const noexcept {
  std::uint64_t count = 1;
  const auto times = [&count](std::uint64_t bytes) -> std::optional<std::uint32_t> {
    if (count != 0 && bytes > std::numeric_limits<std::uint32_t>::max() / count) return std::nullopt;
    return static_cast<std::uint32_t>(bytes * count);
  };
  for (;;) {
    const Type t = decode(record(strip(id)));
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
  const std::uint32_t count = end_type_ - first_type_;
  buckets_.assign(std::bit_ceil(std::max(count, 1u)), kNone);
  next_.assign(count, kNone);
  // Each chain is entered at its end while it grows, so that it ascends and find() meets the first of equal names
  // first.
  std::vector<std::uint32_t> last(buckets_.size(), kNone);
  for (TypeCursor each(*this); each.next();) {
    const std::string_view name(each.name(), strnlen(each.name(), kMaxIndexedName + 1));
    if (name.empty() || name.size() > kMaxIndexedName) continue;
    const std::uint32_t at = bucket(each.kind(), name), index = each.id() - first_type_;
    (last[at] == kNone ? buckets_[at] : next_[last[at]]) = index;
    last[at] = index;
  }
}

TypeId Btf::find(Kind kind, std::string_view name) const noexcept {
  if (name.empty() || name.size() > kMaxIndexedName) return 0;
  if (base_ != nullptr)
    if (const TypeId id = base_->find(kind, name); id != 0) return id;
  std::call_once(indexed_, [this] { index_names(); });
  for (std::uint32_t at = buckets_[bucket(kind, name)]; at != kNone; at = next_[at]) {
    const Record record = Record::read(this->record(first_type_ + at));
    if (record.kind() == kind && name_at(text_at(record.name)) == name) return first_type_ + at;
  }
  return 0;
}

TypeCursor::TypeCursor(const Btf& btf) noexcept
    : btf_(btf), at_(btf.records_.data()), id_(std::max(btf.first_type_, 1u) - 1) {}

bool TypeCursor::next() noexcept {
  if (id_ + 1 >= btf_.end_type_) return false;
  ++id_;
  const Record record = Record::read(at_);
  at_ += record.bytes();
  kind_ = record.kind();
  name_ = btf_.text_at(record.name);
  return true;
}

}  // namespace skep::btf
