// Bytes to type graph, in three passes over the type section: count (every record fits, and where each is), check what
// each record says by itself (ids, names, sizes), check what depends on other types (kinds of referents, nesting).
//
// A pass trusts what the one before it checked, so the later ones read without bounds checks of their own. Nothing is
// unpacked. All is linear in the input.
#include <algorithm>
#include <array>
#include <bit>
#include <cstring>
#include <limits>
#include <unordered_map>

#include <fmt/format.h>

#include "btf/btf.hpp"
#include "btf/records.hpp"

namespace skep::btf {
namespace {

constexpr std::uint16_t kMagic = 0xeb9f, kForeignMagic = 0x9feb;
constexpr std::uint32_t kKnownInfoBits = 0x9f00ffff;
constexpr std::uint32_t kMaxIntBytes = 16, kMaxEnumBytes = 8;
constexpr std::size_t kMaxBtfBytes = std::size_t{64} << 20;  // Linux takes 16 MiB
constexpr std::uint32_t kMaxBitFieldNesting = 16;            // keeps a look behind the aliases of each bit field short

struct RawHeader {
  std::uint16_t magic;
  std::uint8_t version, flags;
  std::uint32_t hdr_len, type_off, type_len, str_off, str_len;
};
static_assert(sizeof(RawHeader) == 24);

std::uint32_t swapped(std::uint32_t word) {
  return word >> 24 | (word >> 8 & 0xff00) | (word << 8 & 0xff0000) | word << 24;
}

/// Types are words throughout, so that is all there is to byte order.
void swap_words(std::span<std::byte> bytes) {
  for (std::size_t at = 0; at + 4 <= bytes.size(); at += 4) {
    const std::uint32_t word = swapped(word_at(&bytes[at]));
    std::memcpy(&bytes[at], &word, sizeof word);
  }
}

/// True when there is no NUL in some kMaxNameBytes + 1 bytes on end: only then a name can be too long.
bool has_long_string(Bytes strings) {
  for (std::size_t start = 0; start + kMaxNameBytes < strings.size();) {
    const void* end = memrchr(strings.data() + start, 0, kMaxNameBytes + 1);
    if (end == nullptr) return true;
    start = static_cast<std::size_t>(static_cast<const std::byte*>(end) - strings.data()) + 1;
  }
  return false;
}

}  // namespace

/// A parse in progress: fills `btf` from `input`. A pass that fails leaves `error` and yields false.
struct Parser {
  ByteReader input;
  std::shared_ptr<const void> owner;  ///< of the input; null when it has to be copied
  std::shared_ptr<Btf> btf{new Btf()};
  Error error{};
  const std::byte* records = nullptr;  ///< the type section
  std::uint32_t records_bytes = 0;
  bool may_be_long = false;  ///< some name
  TypeId current = 0;        ///< the type being read, for messages

  /// Depth by value of each type, at most kMaxNesting: of the own ones by place, of the base's as far as it was asked.
  std::vector<std::uint8_t> own_nesting{};
  std::unordered_map<TypeId, std::uint8_t> base_nesting{};
  /// In those: being found. 0 is unknown.
  static constexpr std::uint8_t kBusy = 0xff;
  static_assert(kMaxNesting < kBusy);

  bool open();
  bool take(RawHeader header, bool foreign);
  void keep(Bytes types, Bytes strings, bool foreign);
  bool count_types();
  bool check_records();
  bool check_types();

  bool check_record(const std::byte* at);
  bool check_int(std::uint32_t size, std::uint32_t data);
  bool check_members(const Record& record, const std::byte* at);
  bool check_name(std::uint32_t offset);
  bool check_names(const Record& record, const std::byte* at, std::uint32_t step);
  bool check_ids(const Record& record, const std::byte* at, std::uint32_t step, const char* role);
  bool check_id(TypeId id, const char* role);
  bool check_size(std::uint32_t size, std::uint32_t max);
  bool check_enum_size(const Record& record);
  bool check_referents(TypeId id, const Record& record);
  bool check_component(const Type& type);
  bool check_bit_fields(const Type& type);
  std::uint32_t nesting_of(TypeId id, std::uint32_t above);
  std::uint32_t nesting_of_parts(const std::byte* at, std::uint32_t id_offset, std::uint32_t above);

  [[nodiscard]] TypeId first_own() const { return std::max(btf->first_type_, 1u); }

  bool refuse(ErrorCode code, std::string where, std::string what) {
    error = {code, std::move(where), std::move(what)};
    return false;
  }
  bool refuse_type(std::string what) {
    return refuse(ErrorCode::malformed, fmt::format("btf: type {}", current), std::move(what));
  }
};

bool Parser::open() {
  if (input.size() > kMaxBtfBytes)
    return refuse(ErrorCode::limit, "btf", fmt::format("{} bytes, at most {} are taken", input.size(), kMaxBtfBytes));
  const auto magic = input.read<std::uint16_t>(0);
  if (!magic || (*magic != kMagic && *magic != kForeignMagic)) {
    return refuse(ErrorCode::malformed, "btf", fmt::format("no BTF magic in {} bytes", input.size()));
  }
  auto header = input.read<RawHeader>(0);
  if (!header)
    return refuse(ErrorCode::malformed, "btf", fmt::format("ends after {} bytes, the header needs 24", input.size()));
  const bool foreign = *magic == kForeignMagic;
  if (foreign) swap_words(std::as_writable_bytes(std::span(&*header, 1)).subspan(4));
  return take(*header, foreign);
}

bool Parser::take(RawHeader header, bool foreign) {
  if (header.version != 1 || header.flags != 0) {
    return refuse(ErrorCode::unsupported, "btf",
                  fmt::format("version {} flags {}, skep reads version 1 flags 0", header.version, header.flags));
  }
  if (header.hdr_len < sizeof(RawHeader) || header.hdr_len > input.size()) {
    return refuse(ErrorCode::malformed, "btf", fmt::format("header of {} bytes in {}", header.hdr_len, input.size()));
  }
  const std::uint64_t base = header.hdr_len;
  const auto types = input.slice(base + header.type_off, header.type_len);
  const auto strings = input.slice(base + header.str_off, header.str_len);
  if (!types) {
    return refuse(ErrorCode::malformed, "btf",
                  fmt::format("{} bytes of types at offset {} past end {}", header.type_len, base + header.type_off,
                              input.size()));
  }
  if (!strings) {
    return refuse(ErrorCode::malformed, "btf",
                  fmt::format("{} bytes of strings at offset {} past end {}", header.str_len, base + header.str_off,
                              input.size()));
  }
  if (header.type_off % 4 != 0) {
    return refuse(ErrorCode::malformed, "btf", fmt::format("types at offset {}, not a multiple of 4", header.type_off));
  }
  // The empty string that all begin with is the base's.
  const bool starts = btf->base_ != nullptr || (!strings->empty() && strings->front() == std::byte{0});
  if (!starts || (!strings->empty() && strings->back() != std::byte{0})) {
    return refuse(ErrorCode::malformed, "btf", "strings do not begin and end with a NUL");
  }
  if (strings->size() > std::numeric_limits<std::uint32_t>::max() - btf->first_string_) {
    return refuse(ErrorCode::limit, "btf",
                  fmt::format("{} bytes of strings past the base's {}", strings->size(), btf->first_string_));
  }
  keep(*types, *strings, foreign);
  return true;
}

void Parser::keep(Bytes types, Bytes strings, bool foreign) {
  if (owner == nullptr || foreign) {
    auto copy = std::make_shared<std::vector<std::byte>>();
    copy->reserve(types.size() + strings.size());
    copy->assign(types.begin(), types.end());
    if (foreign) swap_words(*copy);
    copy->insert(copy->end(), strings.begin(), strings.end());
    types = Bytes(*copy).first(types.size());
    strings = Bytes(*copy).subspan(types.size());
    owner = std::move(copy);
  }
  btf->owner_ = std::move(owner);
  btf->records_ = types;
  btf->strings_ = strings;
  records = types.data();
  records_bytes = static_cast<std::uint32_t>(types.size());
  may_be_long = has_long_string(strings) || btf->base_ != nullptr;
}

bool Parser::count_types() {
  current = first_own();
  std::vector<std::uint8_t>& nesting = own_nesting;
  // As many as could be: what stays unused is address space that is never touched.
  nesting.reserve(records_bytes / kTypeBytes + 1);
  btf->marks_.reserve(records_bytes / kTypeBytes / Btf::kMarked + 1);
  if (btf->base_ == nullptr) nesting.push_back(1);  // void
  for (std::uint32_t at = 0; at < records_bytes; ++current) {
    if (records_bytes - at < kTypeBytes) return refuse_type(fmt::format("{} bytes, needs 12", records_bytes - at));
    const Record record = Record::read(records + at);
    const std::uint32_t kind = record.kind_number();
    if ((record.info & ~kKnownInfoBits) != 0 || kind == 0)
      return refuse_type(fmt::format("info word {:#x} is none", record.info));
    if (kind >= kShapes.size()) {
      return refuse(ErrorCode::unsupported, fmt::format("btf: type {}", current), fmt::format("unknown kind {}", kind));
    }
    if (record.bytes() > records_bytes - at) {
      return refuse_type(fmt::format("{} bytes of kind {}, {} are left", record.bytes(), kind, records_bytes - at));
    }
    if ((current - first_own()) % Btf::kMarked == 0) btf->marks_.push_back(at);
    nesting.push_back(kShapes[kind].leaf ? 1 : 0);
    at += record.bytes();
  }
  btf->end_type_ = current;
  return true;
}

bool Parser::check_records() {
  const std::byte* at = records;
  for (current = first_own(); current < btf->end_type_; ++current) {
    if (!check_record(at)) return false;
    at += Record::read(at).bytes();
  }
  return true;
}

bool Parser::check_record(const std::byte* at) {
  const Record record = Record::read(at);
  const std::byte* const rest = at + kTypeBytes;
  if (!check_name(record.name)) return false;
  switch (record.kind()) {
    case Kind::int_:
      return check_int(record.size_or_ref, word_at(rest));
    case Kind::float_:
      return check_size(record.size_or_ref, kMaxIntBytes);
    case Kind::ptr:
    case Kind::typedef_:
    case Kind::volatile_:
    case Kind::const_:
    case Kind::restrict_:
    case Kind::type_tag:
      return check_id(record.size_or_ref, "refers to");
    case Kind::func:
      return check_id(record.size_or_ref, "prototype is");
    case Kind::var:
      return check_id(record.size_or_ref, "is of");
    case Kind::decl_tag:
      return check_id(record.size_or_ref, "tags");
    case Kind::array:
      return check_id(word_at(rest), "element is") && check_id(word_at(rest + 4), "index is");
    case Kind::struct_:
    case Kind::union_:
      return check_members(record, rest);
    case Kind::enum_:
      return check_enum_size(record) && check_names(record, rest, kEnumeratorBytes);
    case Kind::enum64:
      return check_enum_size(record) && check_names(record, rest, kEnumerator64Bytes);
    case Kind::func_proto:
      return check_id(record.size_or_ref, "returns") && check_names(record, rest, kParameterBytes) &&
             check_ids(record, rest + 4, kParameterBytes, "has a parameter of");
    case Kind::datasec:
      return check_ids(record, rest, kSectionVarBytes, "holds");
    case Kind::fwd:
    case Kind::void_:
      return true;
  }
  return true;
}

bool Parser::check_int(std::uint32_t size, std::uint32_t data) {
  const std::uint32_t offset = data >> 16 & 0xff, bits = data & 0xff;
  if (!check_size(size, kMaxIntBytes)) return false;
  if (offset + bits <= 8 * size) return true;
  return refuse_type(fmt::format("bits [{},{}) of an integer of {} bytes", offset, offset + bits, size));
}

bool Parser::check_members(const Record& record, const std::byte* at) {
  const std::uint64_t bits = std::uint64_t{record.size_or_ref} * 8;
  for (const std::byte* const end = at + kMemberBytes * record.vlen(); at < end; at += kMemberBytes) {
    const std::uint32_t offset = word_at(at + 8);
    const std::uint32_t start = record.kind_flag() ? offset & 0xffffff : offset;
    const std::uint32_t width = record.kind_flag() ? offset >> 24 : 0;
    if (!check_name(word_at(at)) || !check_id(word_at(at + 4), "has a member of")) return false;
    if (std::uint64_t{start} + width > bits) {
      return refuse_type(fmt::format("member {} at bit {} past end {} of the type",
                                     btf->string_at(word_at(at)).value_or(""), start, bits));
    }
  }
  return true;
}

bool Parser::check_names(const Record& record, const std::byte* at, std::uint32_t step) {
  for (const std::byte* const end = at + step * record.vlen(); at < end; at += step)
    if (!check_name(word_at(at))) return false;
  return true;
}

bool Parser::check_ids(const Record& record, const std::byte* at, std::uint32_t step, const char* role) {
  for (const std::byte* const end = at + step * record.vlen(); at < end; at += step)
    if (!check_id(word_at(at), role)) return false;
  return true;
}

bool Parser::check_name(std::uint32_t offset) {
  const std::uint64_t end = std::uint64_t{btf->first_string_} + btf->strings_.size();
  if (offset >= end && offset != 0) {
    return refuse_type(fmt::format("name at offset {} past end {} of the strings", offset, end));
  }
  if (!may_be_long || strnlen(btf->text_at(offset), kMaxNameBytes + 1) <= kMaxNameBytes) return true;
  return refuse(ErrorCode::limit, fmt::format("btf: type {}", current),
                fmt::format("name longer than {} bytes", kMaxNameBytes));
}

bool Parser::check_id(TypeId id, const char* role) {
  if (id < btf->end_type_) return true;
  return refuse_type(fmt::format("{} type {}, the last is {}", role, id, btf->end_type_ - 1));
}

bool Parser::check_size(std::uint32_t size, std::uint32_t max) {
  if (size != 0 && size <= max) return true;
  return refuse_type(fmt::format("size {}, needs 1 to {}", size, max));
}

/// clang gives an enum that is only declared no size.
bool Parser::check_enum_size(const Record& record) {
  return (record.vlen() == 0 && record.size_or_ref == 0) || check_size(record.size_or_ref, kMaxEnumBytes);
}

bool Parser::check_types() {
  const std::byte* at = records;
  for (current = first_own(); current < btf->end_type_; ++current) {
    const Record record = Record::read(at);
    if (nesting_of(current, 0) == 0 || !check_referents(current, record)) return false;
    at += record.bytes();
  }
  return true;
}

bool Parser::check_referents(TypeId id, const Record& record) {
  const Kind kind = record.kind();
  if (kind == Kind::func && btf->kind(record.size_or_ref) != Kind::func_proto) {
    return refuse_type(fmt::format("prototype is type {}, which is none", record.size_or_ref));
  }
  if (kind == Kind::decl_tag) return check_component(btf->type(id));
  if ((kind == Kind::struct_ || kind == Kind::union_) && record.kind_flag()) return check_bit_fields(btf->type(id));
  if (kind != Kind::datasec) return true;
  for (const SectionVar& entry : btf->section_vars(btf->type(id))) {
    const Kind held = btf->kind(entry.var);
    if (held == Kind::var || held == Kind::func) continue;
    return refuse_type(fmt::format("holds type {}, which is no variable or function", entry.var));
  }
  return true;
}

bool Parser::check_component(const Type& type) {
  const Type tagged = btf->type(type.ref);
  // A function's components are those of its prototype; whether that is one is checked with the function itself.
  const Type whole = tagged.kind == Kind::func ? btf->type(tagged.ref) : tagged;
  const std::size_t parts = btf->members(whole).size() + btf->parameters(whole).size();
  if (type.component == -1 || (type.component >= 0 && static_cast<std::size_t>(type.component) < parts)) return true;
  return refuse_type(fmt::format("tags component {} of type {}, which has {}", type.component, type.ref, parts));
}

bool Parser::check_bit_fields(const Type& type) {
  for (const Member& member : btf->members(type)) {
    if (member.bit_size == 0) continue;
    if (nesting_of(member.type, 0) > kMaxBitFieldNesting)
      return refuse(
          ErrorCode::limit, fmt::format("btf: type {}", current),
          fmt::format("member {} is a bit field behind more than {} types", member.name, kMaxBitFieldNesting));
    const Type whole = btf->type(btf->strip(member.type));
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
  std::uint8_t& nesting = id < btf->first_type_ ? base_nesting[id] : own_nesting[id - btf->first_type_];
  if (nesting == kBusy) {
    refuse_type(fmt::format("contains itself through type {}", id));
    return 0;
  }
  if (nesting != 0) return nesting;
  const std::byte* const at = btf->record(id);
  const Record record = Record::read(at);
  if (kShapes[record.kind_number()].leaf) return nesting = 1;
  const bool section = record.kind() == Kind::datasec;
  const bool composite = section || record.kind() == Kind::struct_ || record.kind() == Kind::union_;
  if (composite && record.vlen() == 0) return nesting = 1;
  const auto too_deep = [&] {
    refuse(ErrorCode::limit, fmt::format("btf: type {}", current), fmt::format("nests more than {} deep", kMaxNesting));
    return 0u;
  };
  if (above >= kMaxNesting) return too_deep();

  nesting = kBusy;
  std::uint32_t deepest = 0;
  if (composite)
    deepest = nesting_of_parts(at, section ? 0 : 4, above + 1);
  else
    deepest = nesting_of(record.kind() == Kind::array ? word_at(at + kTypeBytes) : record.size_or_ref, above + 1);
  if (deepest == 0) return 0;
  if (deepest >= kMaxNesting) return too_deep();
  return nesting = static_cast<std::uint8_t>(deepest + 1);
}

/// Of members, or a section's variables, each of which has its type's id at `id_offset`.
std::uint32_t Parser::nesting_of_parts(const std::byte* at, std::uint32_t id_offset, std::uint32_t above) {
  static_assert(kMemberBytes == kSectionVarBytes);
  std::uint32_t deepest = 0;
  const std::byte* member = at + kTypeBytes;
  for (const std::byte* const end = at + Record::read(at).bytes(); member < end; member += kMemberBytes) {
    const std::uint32_t depth = nesting_of(word_at(member + id_offset), above);
    if (depth == 0) return 0;
    deepest = std::max(deepest, depth);
  }
  return deepest;
}

Result<std::shared_ptr<const Btf>> Btf::parse(Bytes bytes, std::shared_ptr<const Btf> base) {
  return parse_in_place(bytes, nullptr, std::move(base));
}

Result<std::shared_ptr<const Btf>> Btf::parse_in_place(Bytes bytes, std::shared_ptr<const void> owner,
                                                       std::shared_ptr<const Btf> base) {
  Parser parser{.input = ByteReader(bytes), .owner = std::move(owner)};
  if (base != nullptr) {
    parser.btf->first_type_ = base->end_type_;
    parser.btf->first_string_ = base->first_string_ + static_cast<std::uint32_t>(base->strings_.size());
  }
  parser.btf->base_ = std::move(base);
  if (!parser.open() || !parser.count_types() || !parser.check_records() || !parser.check_types()) {
    return fail(std::move(parser.error));
  }
  return std::move(parser.btf);
}

}  // namespace skep::btf
