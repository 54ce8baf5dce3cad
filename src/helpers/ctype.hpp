// Linux' own character classes: ASCII, and Latin-1 above it. The C library's depend on a locale.
#pragma once

namespace skep::helpers {

constexpr bool is_ascii(unsigned char c) noexcept { return c < 0x80; }
constexpr bool is_printable_ascii(unsigned char c) noexcept { return c >= 0x20 && c < 0x7f; }
constexpr bool is_space(unsigned char c) noexcept { return (c >= 9 && c <= 13) || c == ' ' || c == 0xa0; }
constexpr bool is_digit(unsigned char c) noexcept { return c >= '0' && c <= '9'; }
constexpr bool is_alnum(unsigned char c) noexcept {
  const unsigned char lower = c | 0x20;
  return is_digit(c) || (is_ascii(c) && lower >= 'a' && lower <= 'z') || (c >= 0xc0 && c != 0xd7 && c != 0xf7);
}
constexpr bool is_punct(unsigned char c) noexcept {
  return (is_printable_ascii(c) && c != ' ' && !is_alnum(c)) || (c > 0xa0 && c < 0xc0) || c == 0xd7 || c == 0xf7;
}
/// The value of a digit in bases up to 16; 16 for any other character.
constexpr unsigned digit_value(unsigned char c) noexcept {
  const unsigned char lower = c | 0x20;
  if (is_digit(c)) return static_cast<unsigned>(c - '0');
  return lower >= 'a' && lower <= 'f' ? static_cast<unsigned>(lower - 'a' + 10) : 16;
}

}  // namespace skep::helpers
