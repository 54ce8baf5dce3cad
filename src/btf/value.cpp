// Values as text, by their type: what the map tables of the command print.
//
// Bytes and type may disagree (the type came from a file), so every leaf checks its own bytes and prints an ellipsis
// for what is not there. Text and visits are both bounded: the first against long values, the second against types that
// take many visits to print nothing, such as empty structs in anonymous structs.
#include <algorithm>
#include <bit>
#include <cstring>

#include <fmt/format.h>

#include "btf/btf.hpp"
#include "btf/text.hpp"

namespace skep::btf {
namespace {

constexpr std::size_t kMaxText = 4096;
constexpr unsigned kMaxVisits = 16384;
constexpr std::uint8_t kSigned = 1, kChar = 2, kBool = 4;

bool is_char(const Type& type) {
  return type.kind == Kind::int_ && type.size == 1 && ((type.int_encoding & kChar) != 0 || type.name == "char");
}

std::uint64_t sign_extend(std::uint64_t value, std::uint32_t width) {
  if (width == 0 || width >= 64) return value;
  const std::uint64_t sign = std::uint64_t{1} << (width - 1);
  return (value ^ sign) - sign;
}

std::string escaped(unsigned char c, char quote) {
  switch (c) {
    case '\n':
      return "\\n";
    case '\t':
      return "\\t";
    case '\r':
      return "\\r";
    default:
      if (c == '\\' || c == static_cast<unsigned char>(quote)) return {'\\', static_cast<char>(c)};
      if (c >= 0x20 && c < 0x7f) return {static_cast<char>(c)};
      return fmt::format("\\x{:02x}", c);
  }
}

class ValueText {
 public:
  ValueText(const Btf& btf, Bytes bytes) : btf_(btf), bytes_(bytes) {}

  /// Appends the value of type `id` at bit `bit`; `width` is that of a bit field, else 0.
  void value(TypeId id, std::uint64_t bit, std::uint32_t width);
  std::string take() {
    if (visits_ > kMaxVisits) missing();
    cut(out_, kMaxText);
    return std::move(out_);
  }

 private:
  void integer(const Type& type, std::uint64_t bit, std::uint32_t width);
  void wide(std::uint64_t bit, std::uint32_t width);
  void enumerator(const Type& type, std::uint64_t bit, std::uint32_t width);
  void pointer(std::uint64_t bit);
  void floating(const Type& type, std::uint64_t bit);
  void array(const Type& type, std::uint64_t bit);
  void string(std::uint64_t bit, std::uint32_t count);
  void members(const Type& type, std::uint64_t bit, std::size_t open);
  void variables(const Type& type, std::uint64_t bit, std::size_t open);
  void label(std::string_view name, std::size_t open);
  void missing() { out_ += kEllipsis; }
  [[nodiscard]] bool full() const { return out_.size() > kMaxText || visits_ > kMaxVisits; }
  [[nodiscard]] std::optional<std::uint64_t> read(std::uint64_t bit, std::uint32_t width) const;

  const Btf& btf_;
  Bytes bytes_;
  std::string out_;
  unsigned visits_ = 0;
};

/// The `width` ≤ 64 bits from bit `bit` on, which may span nine bytes; nothing when some are past the end.
std::optional<std::uint64_t> ValueText::read(std::uint64_t bit, std::uint32_t width) const {
  const std::uint64_t first = bit / 8, end = (bit + width + 7) / 8;
  const auto at = ByteReader(bytes_).slice(first, end - first);
  if (!at) return std::nullopt;
  if (width == 0) return 0;
  std::uint64_t low = 0;
  std::memcpy(&low, at->data(), std::min<std::size_t>(at->size(), sizeof low));
  const std::uint32_t shift = bit % 8;
  std::uint64_t value = low >> shift;
  if (at->size() > sizeof low) value |= std::to_integer<std::uint64_t>((*at)[sizeof low]) << (64 - shift);
  return width == 64 ? value : value & ((std::uint64_t{1} << width) - 1);
}

void ValueText::value(TypeId id, std::uint64_t bit, std::uint32_t width) {
  ++visits_;
  const Type& type = btf_.type(btf_.strip(id));
  switch (type.kind) {
    case Kind::int_:
      return integer(type, bit, width);
    case Kind::enum_:
    case Kind::enum64:
      return enumerator(type, bit, width);
    case Kind::ptr:
      return pointer(bit);
    case Kind::float_:
      return floating(type, bit);
    case Kind::array:
      return array(type, bit);
    case Kind::var:
      return value(type.ref, bit, 0);
    case Kind::struct_:
    case Kind::union_:
      out_ += '{';
      members(type, bit, out_.size());
      out_ += '}';
      return;
    case Kind::datasec:
      out_ += '{';
      variables(type, bit, out_.size());
      out_ += '}';
      return;
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
      out_ += '?';
      return;
  }
}

void ValueText::integer(const Type& type, std::uint64_t bit, std::uint32_t width) {
  if (width == 0) {
    // Old compilers describe a bit field by the bits of its integer.
    width = type.int_bits;
    bit += type.int_bit_offset;
  }
  if (width > 64) return wide(bit, width);
  const auto raw = read(bit, width);
  if (!raw) return missing();
  if ((type.int_encoding & kBool) != 0 && *raw <= 1) {
    out_ += *raw != 0 ? "true" : "false";
  } else if (is_char(type) && width == 8 && *raw >= 0x20 && *raw < 0x7f) {
    out_ += fmt::format("'{}'", escaped(static_cast<unsigned char>(*raw), '\''));
  } else if ((type.int_encoding & kSigned) != 0) {
    out_ += fmt::format("{}", std::bit_cast<std::int64_t>(sign_extend(*raw, width)));
  } else {
    out_ += fmt::format("{}", *raw);
  }
}

/// More than 64 bits, at most 128: in hex.
void ValueText::wide(std::uint64_t bit, std::uint32_t width) {
  const auto low = read(bit, 64), high = read(bit + 64, width - 64);
  if (!low || !high) return missing();
  out_ += *high != 0 ? fmt::format("{:#x}{:016x}", *high, *low) : fmt::format("{:#x}", *low);
}

void ValueText::enumerator(const Type& type, std::uint64_t bit, std::uint32_t width) {
  if (width == 0) width = 8 * type.size;
  const auto raw = read(bit, width);
  if (!raw) return missing();
  const std::uint64_t seen = type.kind_flag ? sign_extend(*raw, width) : *raw;
  for (const Enumerator& each : btf_.enumerators(type)) {
    if (each.value != seen || each.name.empty()) continue;
    out_ += printable(each.name);
    return;
  }
  out_ += type.kind_flag ? fmt::format("{}", std::bit_cast<std::int64_t>(seen)) : fmt::format("{}", seen);
}

void ValueText::pointer(std::uint64_t bit) {
  const auto raw = read(bit, 64);
  if (!raw) return missing();
  out_ += fmt::format("{:#x}", *raw);
}

void ValueText::floating(const Type& type, std::uint64_t bit) {
  const std::uint32_t width = 8 * type.size;
  if (width > 64) return wide(bit, width);
  const auto raw = read(bit, width);
  if (!raw) return missing();
  if (type.size == sizeof(double)) {
    out_ += fmt::format("{}", std::bit_cast<double>(*raw));
  } else if (type.size == sizeof(float)) {
    out_ += fmt::format("{}", std::bit_cast<float>(static_cast<std::uint32_t>(*raw)));
  } else {
    out_ += fmt::format("{:#x}", *raw);
  }
}

void ValueText::array(const Type& type, std::uint64_t bit) {
  if (is_char(btf_.type(btf_.strip(type.ref)))) return string(bit, type.count);
  const auto element_bytes = btf_.size_of(type.ref);
  if (!element_bytes) {
    out_ += '?';
    return;
  }
  out_ += '[';
  for (std::uint32_t i = 0; i < type.count && !full(); ++i, bit += std::uint64_t{*element_bytes} * 8) {
    if (i != 0) out_ += ' ';
    if (bit / 8 >= bytes_.size()) {
      missing();
      break;
    }
    value(type.ref, bit, 0);
  }
  out_ += ']';
}

void ValueText::string(std::uint64_t bit, std::uint32_t count) {
  const std::uint64_t first = std::min<std::uint64_t>(bit / 8, bytes_.size());
  const Bytes chars = bytes_.subspan(first, std::min<std::uint64_t>(count, bytes_.size() - first));
  bool ended = false;
  out_ += '"';
  for (const std::byte c : chars) {
    ended = c == std::byte{0};
    if (ended || full()) break;
    out_ += escaped(std::to_integer<unsigned char>(c), '"');
  }
  out_ += '"';
  if (!ended && chars.size() < count) missing();
}

void ValueText::label(std::string_view name, std::size_t open) {
  if (out_.size() > open) out_ += ' ';
  if (!name.empty()) out_ += printable(name) + "=";
}

/// Appends the members between braces; `open` is where the text stood after the opening one.
void ValueText::members(const Type& type, std::uint64_t bit, std::size_t open) {
  for (const Member& member : btf_.members(type)) {
    if (full()) return;
    const Type& inner = btf_.type(btf_.strip(member.type));
    if (member.name.empty() && (inner.kind == Kind::struct_ || inner.kind == Kind::union_)) {
      ++visits_;
      members(inner, bit + member.bit_offset, open);
      continue;
    }
    label(member.name, open);
    value(member.type, bit + member.bit_offset, member.bit_size);
  }
}

void ValueText::variables(const Type& type, std::uint64_t bit, std::size_t open) {
  for (const SectionVar& each : btf_.section_vars(type)) {
    if (full()) return;
    label(btf_.type(each.var).name, open);
    value(each.var, bit + std::uint64_t{each.offset} * 8, 0);
  }
}

}  // namespace

std::string format_value(const Btf& btf, TypeId id, Bytes bytes) {
  ValueText text(btf, bytes);
  text.value(id, 0, 0);
  return text.take();
}

}  // namespace skep::btf
