// Bytes to type graph, in three passes over the type section: count (every record fits, and how many of what there
// are), read (fill the tables, check ids, names and sizes), check (what depends on other types: kinds of referents,
// nesting).
//
// A pass trusts what the one before it checked, so the read pass reads without bounds checks of its own, and the tables
// are allocated once, at their final size. All is linear in the input.
#include <algorithm>
#include <array>
#include <bit>
#include <cstring>
#include <limits>

#include <fmt/format.h>

#include "btf/btf.hpp"

namespace skep::btf {
namespace {

constexpr std::uint16_t kMagic = 0xeb9f;
constexpr std::uint32_t kKnownInfoBits = 0x9f00ffff;
constexpr std::uint32_t kTypeBytes = 12;
constexpr std::uint32_t kMaxIntBytes = 16;

struct RawHeader {
  std::uint16_t magic;
  std::uint8_t version, flags;
  std::uint32_t hdr_len, type_off, type_len, str_off, str_len;
};
static_assert(sizeof(RawHeader) == 24);

/// Bytes that follow the common part of a type: a fixed number, and so many for each of its vlen elements.
struct Shape {
  std::uint8_t fixed, each;
};
constexpr std::array<Shape, 20> kShapes = {{
    {0, 0},   // void: never recorded
    {4, 0},   // int
    {0, 0},   // ptr
    {12, 0},  // array
    {0, 12},  // struct
    {0, 12},  // union
    {0, 8},   // enum
    {0, 0},   // fwd
    {0, 0},   // typedef
    {0, 0},   // volatile
    {0, 0},   // const
    {0, 0},   // restrict
    {0, 0},   // func
    {0, 8},   // func_proto
    {4, 0},   // var
    {0, 12},  // datasec
    {0, 0},   // float
    {4, 0},   // decl_tag
    {0, 0},   // type_tag
    {0, 12},  // enum64
}};

}  // namespace

/// A parse in progress: fills `btf` from `input`. A pass that fails leaves `error` and yields false.
struct Parser {
  ByteReader input;
  std::shared_ptr<Btf> btf{new Btf()};
  Error error{};
  const std::byte* records = nullptr;  ///< the type section
  std::uint32_t records_bytes = 0;
  std::uint32_t count = 0;  ///< ids, void and the base's included
  TypeId current = 0;       ///< the type being read, for messages

  /// In btf->nesting_ while it is being found: 0 is unknown.
  static constexpr std::uint8_t kBusy = 0xff;
  static_assert(kMaxNesting < kBusy);

  bool open();
  bool count_types();
  bool read_types();
  bool check_types();

  bool read_type(std::uint32_t at);
  bool read_int(Type& type, std::uint32_t at);
  bool read_members(Type& type, std::uint32_t at);
  bool read_enumerators(Type& type, std::uint32_t at);
  bool read_parameters(Type& type, std::uint32_t at);
  bool read_section_vars(Type& type, std::uint32_t at);
  bool read_name(std::string_view& name, std::uint32_t offset);
  bool check_id(TypeId id, const char* role);
  bool check_size(std::uint32_t size, std::uint32_t max);
  bool check_referents(const Type& type);
  bool check_component(const Type& type);
  bool check_bit_fields(const Type& type);
  std::uint32_t nesting_of(TypeId id, std::uint32_t above);

  [[nodiscard]] std::uint32_t word(std::uint32_t at) const {
    std::uint32_t value;
    std::memcpy(&value, records + at, sizeof value);
    return value;
  }
  [[nodiscard]] Kind kind_of(TypeId id) const { return btf->type(id).kind; }

  bool refuse(ErrorCode code, std::string where, std::string what) {
    error = {code, std::move(where), std::move(what)};
    return false;
  }
  bool refuse_type(std::string what) {
    return refuse(ErrorCode::malformed, fmt::format("btf: type {}", current), std::move(what));
  }
};

bool Parser::open() {
  const auto magic = input.read<std::uint16_t>(0);
  if (magic && *magic == std::uint16_t{0x9feb}) {
    return refuse(ErrorCode::unsupported, "btf", "big-endian types, skep reads little-endian ones");
  }
  if (!magic || *magic != kMagic) {
    return refuse(ErrorCode::malformed, "btf", fmt::format("no BTF magic in {} bytes", input.size()));
  }
  const auto header = input.read<RawHeader>(0);
  if (!header)
    return refuse(ErrorCode::malformed, "btf", fmt::format("ends after {} bytes, the header needs 24", input.size()));
  if (header->version != 1 || header->flags != 0) {
    return refuse(ErrorCode::unsupported, "btf",
                  fmt::format("version {} flags {}, skep reads version 1 flags 0", header->version, header->flags));
  }
  if (header->hdr_len < sizeof(RawHeader) || header->hdr_len > input.size()) {
    return refuse(ErrorCode::malformed, "btf", fmt::format("header of {} bytes in {}", header->hdr_len, input.size()));
  }
  const std::uint64_t base = header->hdr_len;
  const auto types = input.slice(base + header->type_off, header->type_len);
  const auto strings = input.slice(base + header->str_off, header->str_len);
  if (!types) {
    return refuse(ErrorCode::malformed, "btf",
                  fmt::format("{} bytes of types at offset {} past end {}", header->type_len, base + header->type_off,
                              input.size()));
  }
  if (!strings) {
    return refuse(ErrorCode::malformed, "btf",
                  fmt::format("{} bytes of strings at offset {} past end {}", header->str_len, base + header->str_off,
                              input.size()));
  }
  if (header->type_off % 4 != 0) {
    return refuse(ErrorCode::malformed, "btf",
                  fmt::format("types at offset {}, not a multiple of 4", header->type_off));
  }
  // The empty string that all begin with is the base's.
  const bool starts = btf->base_ != nullptr || (!strings->empty() && strings->front() == std::byte{0});
  if (!starts || (!strings->empty() && strings->back() != std::byte{0})) {
    return refuse(ErrorCode::malformed, "btf", "strings do not begin and end with a NUL");
  }
  if (strings->size() > std::numeric_limits<std::uint32_t>::max() - btf->first_.string_bytes) {
    return refuse(ErrorCode::limit, "btf",
                  fmt::format("{} bytes of strings past the base's {}", strings->size(), btf->first_.string_bytes));
  }
  records = types->data();
  records_bytes = header->type_len;
  btf->strings_.assign(strings->begin(), strings->end());
  return true;
}

bool Parser::count_types() {
  std::array<std::size_t, kShapes.size()> elements{};
  const TypeId first = btf->first_.type;
  count = first == 0 ? 1 : first;  // without a base, void comes first
  for (std::uint32_t at = 0; at < records_bytes; ++count) {
    current = count;
    if (records_bytes - at < kTypeBytes) return refuse_type(fmt::format("{} bytes, needs 12", records_bytes - at));
    const std::uint32_t info = word(at + 4);
    const std::uint32_t kind = (info >> 24) & 0x1f, vlen = info & 0xffff;
    if ((info & ~kKnownInfoBits) != 0 || kind == 0) return refuse_type(fmt::format("info word {:#x} is none", info));
    if (kind >= kShapes.size()) {
      return refuse(ErrorCode::unsupported, fmt::format("btf: type {}", current), fmt::format("unknown kind {}", kind));
    }
    const std::uint32_t bytes = kTypeBytes + kShapes[kind].fixed + kShapes[kind].each * vlen;
    if (bytes > records_bytes - at) {
      return refuse_type(fmt::format("{} bytes of kind {}, {} are left", bytes, kind, records_bytes - at));
    }
    elements[kind] += vlen;
    at += bytes;
  }
  const auto of = [&](Kind kind) { return elements[static_cast<std::size_t>(kind)]; };
  btf->types_.reserve(count - first);
  btf->members_.reserve(of(Kind::struct_) + of(Kind::union_));
  btf->enumerators_.reserve(of(Kind::enum_) + of(Kind::enum64));
  btf->parameters_.reserve(of(Kind::func_proto));
  btf->section_vars_.reserve(of(Kind::datasec));
  return true;
}

bool Parser::read_types() {
  if (btf->base_ == nullptr) btf->types_.emplace_back();  // void
  std::uint32_t at = 0;
  while (at < records_bytes) {
    current = btf->size();
    const std::uint32_t info = word(at + 4);
    const Shape shape = kShapes[(info >> 24) & 0x1f];
    if (!read_type(at)) return false;
    at += kTypeBytes + shape.fixed + shape.each * (info & 0xffff);
  }
  return true;
}

bool Parser::read_type(std::uint32_t at) {
  Type& type = btf->types_.emplace_back();
  const std::uint32_t info = word(at + 4), size_or_ref = word(at + 8), rest = at + kTypeBytes;
  type.kind = static_cast<Kind>((info >> 24) & 0x1f);
  type.kind_flag = (info >> 31) != 0;
  if (!read_name(type.name, word(at))) return false;
  switch (type.kind) {
    case Kind::int_:
      type.size = size_or_ref;
      return read_int(type, rest);
    case Kind::float_:
      type.size = size_or_ref;
      return check_size(type.size, kMaxIntBytes);
    case Kind::ptr:
    case Kind::typedef_:
    case Kind::volatile_:
    case Kind::const_:
    case Kind::restrict_:
    case Kind::type_tag:
      type.ref = size_or_ref;
      return check_id(type.ref, "refers to");
    case Kind::func:
      type.ref = size_or_ref;
      type.linkage = info & 0xffff;
      return check_id(type.ref, "prototype is");
    case Kind::var:
      type.ref = size_or_ref;
      type.linkage = word(rest);
      return check_id(type.ref, "is of");
    case Kind::decl_tag:
      type.ref = size_or_ref;
      type.component = std::bit_cast<std::int32_t>(word(rest));
      return check_id(type.ref, "tags");
    case Kind::array:
      type.ref = word(rest);
      type.index = word(rest + 4);
      type.count = word(rest + 8);
      return check_id(type.ref, "element is") && check_id(type.index, "index is");
    case Kind::struct_:
    case Kind::union_:
      type.size = size_or_ref;
      type.vlen = info & 0xffff;
      return read_members(type, rest);
    case Kind::enum_:
    case Kind::enum64:
      type.size = size_or_ref;
      type.vlen = info & 0xffff;
      return check_size(type.size, 8) && read_enumerators(type, rest);
    case Kind::func_proto:
      type.ref = size_or_ref;
      type.vlen = info & 0xffff;
      return check_id(type.ref, "returns") && read_parameters(type, rest);
    case Kind::datasec:
      type.size = size_or_ref;
      type.vlen = info & 0xffff;
      return read_section_vars(type, rest);
    case Kind::fwd:
    case Kind::void_:
      return true;
  }
  return true;
}

bool Parser::read_int(Type& type, std::uint32_t at) {
  const std::uint32_t data = word(at);
  type.int_encoding = (data >> 24) & 0xf;
  type.int_bit_offset = (data >> 16) & 0xff;
  type.int_bits = data & 0xff;
  if (!check_size(type.size, kMaxIntBytes)) return false;
  if (type.int_bit_offset + std::uint32_t{type.int_bits} > 8 * type.size) {
    return refuse_type(fmt::format("bits [{},{}) of an integer of {} bytes", type.int_bit_offset,
                                   type.int_bit_offset + type.int_bits, type.size));
  }
  return true;
}

bool Parser::read_members(Type& type, std::uint32_t at) {
  type.first = btf->end().member;
  for (const std::uint32_t end = at + 12 * type.vlen; at < end; at += 12) {
    Member& member = btf->members_.emplace_back();
    const std::uint32_t offset = word(at + 8);
    member.type = word(at + 4);
    // With bit fields about, the offset's upper byte is the width; without, all of it is the offset.
    member.bit_offset = type.kind_flag ? offset & 0xffffff : offset;
    member.bit_size = type.kind_flag ? offset >> 24 : 0;
    if (!read_name(member.name, word(at)) || !check_id(member.type, "has a member of")) return false;
    if (std::uint64_t{member.bit_offset} + member.bit_size > std::uint64_t{type.size} * 8) {
      return refuse_type(fmt::format("member {} at bit {} past end {} of the type", member.name, member.bit_offset,
                                     std::uint64_t{type.size} * 8));
    }
  }
  return true;
}

bool Parser::read_enumerators(Type& type, std::uint32_t at) {
  type.first = btf->end().enumerator;
  const bool wide = type.kind == Kind::enum64;
  const std::uint32_t each = wide ? 12 : 8;
  for (const std::uint32_t end = at + each * type.vlen; at < end; at += each) {
    Enumerator& enumerator = btf->enumerators_.emplace_back();
    const std::uint32_t low = word(at + 4);
    if (wide) {
      enumerator.value = low | std::uint64_t{word(at + 8)} << 32;
    } else {
      enumerator.value =
          type.kind_flag ? static_cast<std::uint64_t>(std::int64_t{std::bit_cast<std::int32_t>(low)}) : low;
    }
    if (!read_name(enumerator.name, word(at))) return false;
  }
  return true;
}

bool Parser::read_parameters(Type& type, std::uint32_t at) {
  type.first = btf->end().parameter;
  for (const std::uint32_t end = at + 8 * type.vlen; at < end; at += 8) {
    Parameter& parameter = btf->parameters_.emplace_back();
    parameter.type = word(at + 4);
    if (!read_name(parameter.name, word(at)) || !check_id(parameter.type, "has a parameter of")) return false;
  }
  return true;
}

bool Parser::read_section_vars(Type& type, std::uint32_t at) {
  type.first = btf->end().section_var;
  for (const std::uint32_t end = at + 12 * type.vlen; at < end; at += 12) {
    btf->section_vars_.push_back({word(at), word(at + 4), word(at + 8)});
    if (!check_id(btf->section_vars_.back().var, "holds")) return false;
  }
  return true;
}

bool Parser::read_name(std::string_view& name, std::uint32_t offset) {
  if (offset == 0) return true;
  const std::uint32_t first = btf->first_.string_bytes;
  const std::size_t end = btf->strings_.size();
  if (offset >= first + end) {
    return refuse_type(fmt::format("name at offset {} past end {} of the strings", offset, first + end));
  }
  if (offset < first) {
    name = btf->base_->string_at(offset).value_or("");
    return true;
  }
  offset -= first;
  const char* start = reinterpret_cast<const char*>(btf->strings_.data()) + offset;
  // The strings end with a NUL, so only a name that is too long has none within reach.
  const std::size_t reach = std::min(kMaxNameBytes + 1, end - offset);
  name = std::string_view(start, strnlen(start, reach));
  if (name.size() <= kMaxNameBytes) return true;
  return refuse(ErrorCode::limit, fmt::format("btf: type {}", current),
                fmt::format("name longer than {} bytes", kMaxNameBytes));
}

bool Parser::check_id(TypeId id, const char* role) {
  if (id < count) return true;
  return refuse_type(fmt::format("{} type {}, the last is {}", role, id, count - 1));
}

bool Parser::check_size(std::uint32_t size, std::uint32_t max) {
  if (size != 0 && size <= max) return true;
  return refuse_type(fmt::format("size {}, needs 1 to {}", size, max));
}

bool Parser::check_types() {
  const TypeId first = btf->first_.type;
  btf->nesting_.assign(count - first, 0);
  for (TypeId id = first; id < count; ++id) {
    current = id;
    if (nesting_of(id, 0) == 0 || !check_referents(btf->type(id))) return false;
  }
  return true;
}

bool Parser::check_referents(const Type& type) {
  if (type.kind == Kind::func && kind_of(type.ref) != Kind::func_proto) {
    return refuse_type(fmt::format("prototype is type {}, which is none", type.ref));
  }
  if (type.kind == Kind::decl_tag) return check_component(type);
  if (type.kind_flag && !check_bit_fields(type)) return false;
  for (const SectionVar& entry : btf->section_vars(type)) {
    if (kind_of(entry.var) == Kind::var || kind_of(entry.var) == Kind::func) continue;
    return refuse_type(fmt::format("holds type {}, which is no variable or function", entry.var));
  }
  return true;
}

bool Parser::check_component(const Type& type) {
  const Type& tagged = btf->type(type.ref);
  // A function's components are those of its prototype; whether that is one is checked with the function itself.
  const Type& whole = tagged.kind == Kind::func ? btf->type(tagged.ref) : tagged;
  const std::size_t parts = btf->members(whole).size() + btf->parameters(whole).size();
  if (type.component == -1 || (type.component >= 0 && static_cast<std::size_t>(type.component) < parts)) return true;
  return refuse_type(fmt::format("tags component {} of type {}, which has {}", type.component, type.ref, parts));
}

bool Parser::check_bit_fields(const Type& type) {
  for (const Member& member : btf->members(type)) {
    if (member.bit_size == 0) continue;
    const Type& whole = btf->type(btf->strip(member.type));
    const bool integral = whole.kind == Kind::int_ || whole.kind == Kind::enum_ || whole.kind == Kind::enum64;
    if (integral && member.bit_size <= 8 * whole.size) continue;
    return refuse_type(
        fmt::format("member {} has {} bits of type {}, which has fewer", member.name, member.bit_size, member.type));
  }
  return true;
}

// How deep a type nests by value, itself included; 0 after an error.
// Recursion is at most kMaxNesting deep, because deeper is an error. Pointers, prototypes and tags end a walk: they
// have a size, or none, whatever they refer to.
std::uint32_t Parser::nesting_of(TypeId id, std::uint32_t above) {
  if (id < btf->first_.type) return btf->base_->nesting(id);
  const Type& type = btf->type(id);
  const bool refers = type.kind == Kind::array || type.kind == Kind::typedef_ || type.kind == Kind::volatile_ ||
                      type.kind == Kind::const_ || type.kind == Kind::restrict_ || type.kind == Kind::type_tag ||
                      type.kind == Kind::var;
  const auto members = btf->members(type);
  std::uint8_t& nesting = btf->nesting_[id - btf->first_.type];
  if (!refers && members.empty()) return nesting = 1;
  if (nesting == kBusy) {
    refuse_type(fmt::format("contains itself through type {}", id));
    return 0;
  }
  if (nesting != 0) return nesting;
  const auto too_deep = [&] {
    refuse(ErrorCode::limit, fmt::format("btf: type {}", current), fmt::format("nests more than {} deep", kMaxNesting));
    return 0u;
  };
  if (above >= kMaxNesting) return too_deep();

  nesting = kBusy;
  std::uint32_t deepest = 0;
  if (refers) {
    deepest = nesting_of(type.ref, above + 1);
    if (deepest == 0) return 0;
  }
  for (const Member& member : members) {
    const std::uint32_t depth = nesting_of(member.type, above + 1);
    if (depth == 0) return 0;
    deepest = std::max(deepest, depth);
  }
  if (deepest >= kMaxNesting) return too_deep();
  return nesting = static_cast<std::uint8_t>(deepest + 1);
}

Result<std::shared_ptr<const Btf>> Btf::parse(Bytes bytes, std::shared_ptr<const Btf> base) {
  Parser parser{.input = ByteReader(bytes)};
  if (base != nullptr) parser.btf->first_ = base->end();
  parser.btf->base_ = std::move(base);
  if (!parser.open() || !parser.count_types() || !parser.read_types() || !parser.check_types()) {
    return fail(std::move(parser.error));
  }
  return std::move(parser.btf);
}

}  // namespace skep::btf
