// Values into variables. Numbers must fit; texts are cut to their array.
#include "loader/kconfig.hpp"

#include <algorithm>
#include <bit>
#include <charconv>
#include <cstring>

#include <fmt/format.h>

namespace skep::loader {
namespace {

using Shape = KconfigType::Shape;

constexpr std::uint8_t kSignedInt = 1, kBoolInt = 4;  // int_encoding

std::string_view words(Shape shape) {
  switch (shape) {
    case Shape::boolean:
      return "a bool";
    case Shape::tristate:
      return "an enum libbpf_tristate";
    case Shape::character:
      return "a char";
    case Shape::integer:
      return "an integer";
    case Shape::text:
      return "an array of char";
  }
  return {};
}

std::string mismatch(const KconfigType& type, std::string_view value) {
  return fmt::format("the value is {}, the variable {}", shown(value), words(type.shape));
}

/// Little-endian, as far as the room reaches.
void write_number(std::uint64_t value, std::span<std::byte> room) {
  for (std::size_t i = 0; i < room.size(); ++i) room[i] = static_cast<std::byte>(i < 8 ? value >> (8 * i) : 0);
}

bool fits(const KconfigType& type, std::uint64_t value) {
  if (type.shape == Shape::boolean) return value <= 1;
  if (type.shape == Shape::tristate) return value <= 2;
  const std::uint32_t bits = 8 * type.bytes;
  if (bits >= 64) return true;
  return type.is_signed ? value + (std::uint64_t{1} << (bits - 1)) < std::uint64_t{1} << bits : value >> bits == 0;
}

std::string write_fitting(const KconfigType& type, std::uint64_t value, std::span<std::byte> room) {
  if (type.shape == Shape::text) return mismatch(type, fmt::format("{}", value));
  if (!fits(type, value)) return fmt::format("{} does not fit {} of {} bytes", value, words(type.shape), type.bytes);
  write_number(value, room);
  return {};
}

std::string write_tristate(const KconfigType& type, char letter, std::span<std::byte> room) {
  switch (type.shape) {
    case Shape::boolean:
      if (letter == 'm') break;
      write_number(letter == 'y' ? 1 : 0, room);
      return {};
    case Shape::tristate:
      write_number(letter == 'y' ? 1 : letter == 'm' ? 2 : 0, room);
      return {};
    case Shape::character:
      write_number(static_cast<unsigned char>(letter), room);
      return {};
    case Shape::integer:
    case Shape::text:
      break;
  }
  return mismatch(type, std::string_view(&letter, 1));
}

void write_array(std::string_view text, std::span<std::byte> room, bool& cut) {
  cut = text.size() >= room.size();
  const std::size_t bytes = std::min(text.size(), room.size() - 1);
  std::memcpy(room.data(), text.data(), bytes);
}

/// As C writes integers: a sign, then 0x, 0 or neither. A negative number is one of two's complement.
std::optional<std::uint64_t> parse_number(std::string_view text) {
  const bool negative = text.starts_with('-');
  if (negative || text.starts_with('+')) text.remove_prefix(1);
  int base = 10;
  if (text.starts_with("0x") || text.starts_with("0X")) {
    base = 16;
    text.remove_prefix(2);
  } else if (text.size() > 1 && text.front() == '0') {
    base = 8;
  }
  std::uint64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value, base);
  if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return negative ? -value : value;
}

bool is_letter(std::string_view text) { return text == "y" || text == "n" || text == "m"; }

}  // namespace

std::optional<KconfigType> kconfig_type(const btf::Btf& btf, btf::TypeId id) {
  const btf::Type& type = btf.type(btf.strip(id));
  const auto sized = [&type](Shape shape) {
    return KconfigType{.shape = shape, .bytes = type.size, .align = std::min(type.size, 8u)};
  };
  if (type.kind == btf::Kind::int_) {
    if ((type.int_encoding & kBoolInt) != 0)
      return type.size == 1 ? std::optional(sized(Shape::boolean)) : std::nullopt;
    if (type.size > 8 || !std::has_single_bit(type.size)) return std::nullopt;
    auto made = sized(type.size == 1 ? Shape::character : Shape::integer);
    made.is_signed = (type.int_encoding & kSignedInt) != 0;
    return made;
  }
  const bool tristate = (type.kind == btf::Kind::enum_ && type.size == 4) || type.kind == btf::Kind::enum64;
  if (tristate && type.name == "libbpf_tristate" && type.size != 0) return sized(Shape::tristate);
  if (type.kind != btf::Kind::array || type.count == 0) return std::nullopt;
  const btf::Type& element = btf.type(btf.strip(type.ref));
  if (element.kind != btf::Kind::int_ || element.size != 1 || (element.int_encoding & kBoolInt) != 0)
    return std::nullopt;
  return KconfigType{.shape = Shape::text, .bytes = type.count, .align = 1};
}

std::string write_kconfig(const KconfigType& type, const ExternValue& value, std::span<std::byte> room, bool& cut) {
  if (const std::uint64_t* number = value.number()) return write_fitting(type, *number, room);
  const std::string& text = *value.text();
  if (type.shape == Shape::text) {
    write_array(text, room, cut);
    return {};
  }
  return is_letter(text) ? write_tristate(type, text.front(), room) : mismatch(type, fmt::format("\"{}\"", text));
}

std::string write_kconfig_text(const KconfigType& type, std::string_view text, std::span<std::byte> room, bool& cut) {
  const char first = text.empty() ? '\0' : text.front();
  if (first == 'y' || first == 'n' || first == 'm') return write_tristate(type, first, room);
  if (first == '"') {
    if (type.shape != Shape::text) return mismatch(type, text);
    if (text.size() < 2 || text.back() != '"') return fmt::format("{} is no text", shown(text));
    write_array(text.substr(1, text.size() - 2), room, cut);
    return {};
  }
  const auto number = parse_number(text);
  if (!number) return fmt::format("{} is no integer", shown(text));
  if (type.shape != Shape::integer && type.shape != Shape::character) return mismatch(type, text);
  return write_fitting(type, *number, room);
}

}  // namespace skep::loader
