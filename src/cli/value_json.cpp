// Two walks over a type, one for each direction. Types are hostile too: every read and write checks its bits, and a
// walk ends after a bounded number of visits.
#include "cli/value_json.hpp"

#include <algorithm>
#include <bit>
#include <charconv>
#include <cstring>
#include <optional>

#include <fmt/format.h>

#include "cli/input.hpp"

namespace skep::cli {
namespace {

using btf::Kind;

constexpr unsigned kMaxVisits = 1 << 20;
constexpr std::uint8_t kSigned = 1, kChar = 2, kBool = 4;

bool is_char(const btf::Type& type) {
  return type.kind == Kind::int_ && type.size == 1 && ((type.int_encoding & kChar) != 0 || type.name == "char");
}

bool is_enum(const btf::Type& type) { return type.kind == Kind::enum_ || type.kind == Kind::enum64; }

bool is_group(const btf::Type& type) { return type.kind == Kind::struct_ || type.kind == Kind::union_; }

/// The `width` bits, at most 64, from bit `bit` on; nothing when some are past the end.
std::optional<std::uint64_t> read_bits(std::span<const std::byte> bytes, std::uint64_t bit, std::uint32_t width) {
  if (width > 64 || bit + width > bytes.size() * 8) return std::nullopt;
  std::uint64_t value = 0;
  for (std::uint32_t i = 0; i < width; ++i) {
    const auto byte = std::to_integer<std::uint64_t>(bytes[(bit + i) / 8]);
    value |= (byte >> ((bit + i) % 8) & 1) << i;
  }
  return value;
}

bool write_bits(std::span<std::byte> bytes, std::uint64_t bit, std::uint32_t width, std::uint64_t value) {
  if (width > 64 || bit + width > bytes.size() * 8) return false;
  for (std::uint32_t i = 0; i < width; ++i) {
    const auto mask = static_cast<std::byte>(1u << ((bit + i) % 8));
    std::byte& byte = bytes[(bit + i) / 8];
    byte = (value >> i & 1) != 0 ? byte | mask : byte & ~mask;
  }
  return true;
}

std::int64_t sign_extended(std::uint64_t value, std::uint32_t width) {
  if (width == 0 || width >= 64) return static_cast<std::int64_t>(value);
  const std::uint64_t sign = std::uint64_t{1} << (width - 1);
  return static_cast<std::int64_t>((value ^ sign) - sign);
}

class Writer {
 public:
  Writer(const btf::Btf& btf, std::span<const std::byte> bytes) : btf_(btf), bytes_(bytes) {}

  Json value(btf::TypeId id, std::uint64_t bit, std::uint32_t width) {
    if (++visits_ > kMaxVisits) return nullptr;
    const btf::Type& type = btf_.type(btf_.strip(id));
    if (is_group(type)) {
      Json object = Json::object();
      members(type, bit, object);
      return object;
    }
    if (type.kind == Kind::array) return array(type, bit);
    const auto bytes = btf_.size_of(id);
    if (!bytes) return nullptr;
    if (width == 0) width = *bytes > 8 ? 0 : *bytes * 8;
    if (*bytes > 8) return raw(bit, *bytes);
    const auto bits = read_bits(bytes_, bit, width);
    return bits ? scalar(type, *bits, width) : Json(nullptr);
  }

 private:
  Json scalar(const btf::Type& type, std::uint64_t bits, std::uint32_t width) const;

  Json raw(std::uint64_t bit, std::uint32_t bytes) const {
    if (bit % 8 != 0 || bit / 8 + bytes > bytes_.size()) return nullptr;
    return format_hex(bytes_.subspan(bit / 8, bytes));
  }

  void members(const btf::Type& type, std::uint64_t bit, Json& object) {
    for (const btf::Member& member : btf_.members(type)) {
      const btf::Type& inner = btf_.type(btf_.strip(member.type));
      if (member.name.empty() && is_group(inner)) {
        if (++visits_ <= kMaxVisits) members(inner, bit + member.bit_offset, object);
      } else if (!member.name.empty()) {
        object[std::string(member.name)] = value(member.type, bit + member.bit_offset, member.bit_size);
      }
    }
  }

  Json array(const btf::Type& type, std::uint64_t bit) {
    const std::uint64_t first = bit / 8;
    if (is_char(btf_.type(btf_.strip(type.ref)))) {
      if (first + type.count > bytes_.size()) return nullptr;
      const std::string text(reinterpret_cast<const char*>(bytes_.data() + first), type.count);
      return text.substr(0, text.find('\0'));
    }
    Json array = Json::array();
    const auto bytes = btf_.size_of(type.ref);
    for (std::uint32_t i = 0; bytes && i < type.count; ++i) {
      const std::uint64_t at = bit + std::uint64_t{i} * *bytes * 8;
      if (at / 8 >= bytes_.size() || visits_ > kMaxVisits) break;
      array.push_back(value(type.ref, at, 0));
    }
    return array;
  }

  const btf::Btf& btf_;
  std::span<const std::byte> bytes_;
  unsigned visits_ = 0;
};

Json Writer::scalar(const btf::Type& type, std::uint64_t bits, std::uint32_t width) const {
  if (type.kind == Kind::ptr) return fmt::format("{:#x}", bits);
  if (type.kind == Kind::float_)
    return width == 64 ? Json(std::bit_cast<double>(bits))
                       : Json(std::bit_cast<float>(static_cast<std::uint32_t>(bits)));
  if (is_enum(type)) {
    const std::uint64_t seen = type.kind_flag ? static_cast<std::uint64_t>(sign_extended(bits, width)) : bits;
    for (const btf::Enumerator& each : btf_.enumerators(type))
      if (each.value == seen && !each.name.empty()) return std::string(each.name);
    return type.kind_flag ? Json(sign_extended(bits, width)) : Json(bits);
  }
  if ((type.int_encoding & kBool) != 0 && bits <= 1) return bits == 1;
  if ((type.int_encoding & kSigned) != 0) return sign_extended(bits, width);
  return bits;
}

/// A piece of the input in a message, cut where it is long.
std::string shown(const Json& json) {
  if (json.is_structured()) return json.type_name();
  std::string text = json.dump(-1, ' ', true, Json::error_handler_t::replace);
  return text.size() > 40 ? text.substr(0, 40) + "…" : text;
}

Result<void> wrong(const std::string& path, std::string what) {
  return fail(ErrorCode::malformed, path, std::move(what));
}

/// A JSON number, bool or string as the bits of an integer; nothing when it is none.
struct Number {
  bool negative = false;
  std::uint64_t bits = 0;
  [[nodiscard]] bool fits(std::uint32_t width, bool is_signed) const {
    if (width >= 64) return negative || !is_signed || bits >> 63 == 0;
    if (negative) return static_cast<std::int64_t>(bits) >= -(std::int64_t{1} << (width - 1));
    return bits < std::uint64_t{1} << width;  // also for signed types: 0xffffffff is a good way to write -1
  }
};

std::optional<Number> number_in(std::string_view text) {
  Number number;
  number.negative = text.starts_with('-');
  if (number.negative) text.remove_prefix(1);
  const bool hex = text.starts_with("0x") || text.starts_with("0X");
  if (hex) text.remove_prefix(2);
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number.bits, hex ? 16 : 10);
  if (text.empty() || error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  if (number.negative) {
    if (number.bits > std::uint64_t{1} << 63) return std::nullopt;
    number.bits = ~number.bits + 1;
  }
  return number;
}

std::optional<Number> number_of(const Json& json) {
  if (json.is_boolean()) return Number{false, json.get<bool>() ? 1u : 0u};
  if (json.is_number_unsigned()) return Number{false, json.get<std::uint64_t>()};
  if (json.is_number_integer()) {
    const auto value = json.get<std::int64_t>();
    return Number{value < 0, static_cast<std::uint64_t>(value)};
  }
  if (json.is_string()) return number_in(json.get_ref<const std::string&>());
  return std::nullopt;
}

/// Bytes that have no type: a number, hex bytes, or a list of bytes.
Result<void> read_untyped(const Json& json, std::span<std::byte> out, const std::string& path) {
  if (json.is_number() && out.size() <= 8 && !out.empty()) {
    const auto number = number_of(json);
    const auto width = static_cast<std::uint32_t>(out.size() * 8);
    if (!number || !number->fits(width, false))
      return wrong(path, fmt::format("{} does not fit {} bytes", shown(json), out.size()));
    write_bits(out, 0, width, number->bits);
    return {};
  }
  std::vector<std::byte> bytes;
  if (json.is_string()) {
    auto parsed = parse_hex(json.get_ref<const std::string&>());
    if (!parsed) return wrong(path, parsed.error().message());
    bytes = std::move(*parsed);
  } else if (json.is_array()) {
    for (const Json& element : json) {
      const auto number = number_of(element);
      if (!number || !number->fits(8, false)) return wrong(path, fmt::format("{} is no byte", shown(element)));
      bytes.push_back(static_cast<std::byte>(number->bits));
    }
  } else {
    return wrong(path, fmt::format("is {}, needs {} bytes: hex, a list, or a number up to 8 bytes", json.type_name(),
                                   out.size()));
  }
  if (bytes.size() != out.size()) return wrong(path, fmt::format("has {} bytes, needs {}", bytes.size(), out.size()));
  std::copy(bytes.begin(), bytes.end(), out.begin());
  return {};
}

class Reader {
 public:
  Reader(const btf::Btf& btf, std::span<std::byte> bytes) : btf_(btf), bytes_(bytes) {}

  Result<void> value(btf::TypeId id, const Json& json, std::uint64_t bit, std::uint32_t width,
                     const std::string& path) {
    const btf::Type& type = btf_.type(btf_.strip(id));
    const auto bytes = btf_.size_of(id);
    if (!bytes) return wrong(path, "its type has no size");
    if (is_group(type) || type.kind == Kind::array || *bytes > 8) {
      if (bit / 8 + *bytes > bytes_.size()) return wrong(path, "lies outside the value");
      if (is_group(type)) return group(type, *bytes, json, bit, path);
      if (type.kind == Kind::array) return array(type, *bytes, json, bit, path);
      return read_untyped(json, bytes_.subspan(bit / 8, *bytes), path);
    }
    return scalar(type, json, bit, width != 0 ? width : *bytes * 8, path);
  }

 private:
  Result<void> scalar(const btf::Type& type, const Json& json, std::uint64_t bit, std::uint32_t width,
                      const std::string& path);
  Result<void> array(const btf::Type& type, std::uint32_t bytes, const Json& json, std::uint64_t bit,
                     const std::string& path);
  Result<void> group(const btf::Type& type, std::uint32_t bytes, const Json& json, std::uint64_t bit,
                     const std::string& path);
  bool find_member(const btf::Type& type, std::string_view name, std::uint64_t bit, btf::Member& found,
                   unsigned depth) const;

  const btf::Btf& btf_;
  std::span<std::byte> bytes_;
};

Result<void> Reader::scalar(const btf::Type& type, const Json& json, std::uint64_t bit, std::uint32_t width,
                            const std::string& path) {
  auto number = number_of(json);
  if (type.kind == Kind::float_ && json.is_number()) {
    const auto value = json.get<double>();
    number = Number{false, width == 64 ? std::bit_cast<std::uint64_t>(value)
                                       : std::bit_cast<std::uint32_t>(static_cast<float>(value))};
  }
  if (json.is_string()) {
    const auto& text = json.get_ref<const std::string&>();
    for (const btf::Enumerator& each : btf_.enumerators(type))
      if (each.name == text)
        number = Number{false, width == 64 ? each.value : each.value & ((std::uint64_t{1} << width) - 1)};
    if (is_char(type) && text.size() == 1) number = Number{false, static_cast<unsigned char>(text[0])};
  }
  if (!number)
    return wrong(path, fmt::format("{} is no {}", shown(json), is_enum(type) ? "enumerator of its type" : "number"));
  const bool is_signed = type.kind == Kind::int_ && (type.int_encoding & kSigned) != 0;
  if (!number->fits(width, is_signed)) return wrong(path, fmt::format("{} does not fit {} bits", shown(json), width));
  if (!write_bits(bytes_, bit, width, number->bits)) return wrong(path, "lies outside the value");
  return {};
}

Result<void> Reader::array(const btf::Type& type, std::uint32_t bytes, const Json& json, std::uint64_t bit,
                           const std::string& path) {
  const auto out = bytes_.subspan(bit / 8, bytes);
  const btf::Type& element = btf_.type(btf_.strip(type.ref));
  if (json.is_string() && is_char(element)) {
    const auto& text = json.get_ref<const std::string&>();
    if (text.size() > out.size())
      return wrong(path, fmt::format("text of {} bytes, room for {}", text.size(), out.size()));
    std::memcpy(out.data(), text.data(), text.size());
    return {};
  }
  if (json.is_string()) return read_untyped(json, out, path);
  if (!json.is_array()) return wrong(path, fmt::format("is {}, needs a list", json.type_name()));
  if (json.size() > type.count)
    return wrong(path, fmt::format("has {} elements, room for {}", json.size(), type.count));
  const std::uint64_t stride = btf_.size_of(type.ref).value_or(0) * std::uint64_t{8};
  for (std::size_t i = 0; i < json.size(); ++i)
    if (auto done = value(type.ref, json[i], bit + i * stride, 0, fmt::format("{}[{}]", path, i)); !done) return done;
  return {};
}

bool Reader::find_member(const btf::Type& type, std::string_view name, std::uint64_t bit, btf::Member& found,
                         unsigned depth) const {
  for (const btf::Member& member : btf_.members(type)) {
    if (member.name == name) {
      found = member;
      found.bit_offset = static_cast<std::uint32_t>(bit + member.bit_offset);
      return true;
    }
    const btf::Type& inner = btf_.type(btf_.strip(member.type));
    if (member.name.empty() && is_group(inner) && depth < 8 &&
        find_member(inner, name, bit + member.bit_offset, found, depth + 1))
      return true;
  }
  return false;
}

Result<void> Reader::group(const btf::Type& type, std::uint32_t bytes, const Json& json, std::uint64_t bit,
                           const std::string& path) {
  if (!json.is_object()) return read_untyped(json, bytes_.subspan(bit / 8, bytes), path);
  for (const auto& [name, field] : json.items()) {
    btf::Member member;
    if (!find_member(type, name, 0, member, 0))
      return wrong(path, fmt::format("{} {} has no member {}", type.kind == Kind::union_ ? "union" : "struct",
                                     type.name.empty() ? "(anonymous)" : type.name, printable(name)));
    if (auto done = value(member.type, field, bit + member.bit_offset, member.bit_size, path + "." + name); !done)
      return done;
  }
  return {};
}

}  // namespace

Json to_json(const ValueType& type, std::span<const std::byte> bytes) {
  if (!type.known()) return format_hex(bytes);
  return Writer(*type.btf, bytes).value(type.id, 0, 0);
}

Result<void> from_json(const ValueType& type, const Json& json, std::span<std::byte> out) {
  std::fill(out.begin(), out.end(), std::byte{0});
  if (!type.known()) return read_untyped(json, out, "");
  return Reader(*type.btf, out).value(type.id, json, 0, 0, "");
}

std::string json_text(const Json& json) { return json.dump(2, ' ', false, Json::error_handler_t::replace) + "\n"; }

}  // namespace skep::cli
