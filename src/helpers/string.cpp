// Numbers out of strings, and comparing strings.
//
// A number is white space, an optional '-', an optional 0 or 0x as the base allows, digits; what follows is left alone.
// At most 63 characters after the sign count.
#include <algorithm>
#include <cstring>
#include <limits>
#include <optional>
#include <string_view>

#include "helpers/ctype.hpp"
#include "helpers/family.hpp"

namespace skep::helpers {
namespace {

constexpr std::uint64_t kBaseMask = 0x1f;
constexpr std::size_t kMaxDigits = 63;

struct Number {
  std::uint64_t magnitude = 0;
  bool negative = false;
  std::int64_t consumed = 0;  ///< characters, or a negative errno
};

Number failed(int error) noexcept { return {.consumed = error}; }

// The base that a prefix asks for, which is cut off `text` when it is 0x.
unsigned take_base(std::string_view& text, unsigned base) noexcept {
  const auto at = [&](std::size_t i) { return static_cast<unsigned char>(i < text.size() ? text[i] : 0); };
  const bool hex = at(0) == '0' && (at(1) | 0x20) == 'x';
  if (base == 0) base = at(0) != '0' ? 10 : hex && digit_value(at(2)) < 16 ? 16 : 8;
  if (base == 16 && hex) text.remove_prefix(2);
  return base;
}

Number parse(const char* start, std::uint64_t size, std::uint64_t flags) noexcept {
  const auto wanted = static_cast<unsigned>(flags & kBaseMask);
  if (size == 0 || (flags & ~kBaseMask) != 0) return failed(-EINVAL);
  if (wanted != 0 && wanted != 8 && wanted != 10 && wanted != 16) return failed(-EINVAL);

  Number number;
  const char* const end = start + size;
  const char* at = start;
  while (at < end && is_space(static_cast<unsigned char>(*at))) ++at;
  number.negative = at < end && *at == '-';
  if (number.negative) ++at;
  if (at == end) return failed(-EINVAL);

  std::string_view text(at, std::min<std::size_t>(static_cast<std::size_t>(end - at), kMaxDigits));
  const unsigned base = take_base(text, wanted);
  std::size_t digits = 0;
  bool overflow = false;
  for (const char c : text) {
    const unsigned digit = digit_value(static_cast<unsigned char>(c));
    if (digit >= base) break;
    overflow |= number.magnitude > (std::numeric_limits<std::uint64_t>::max() - digit) / base;
    number.magnitude = number.magnitude * base + digit;
    ++digits;
  }
  if (overflow) return failed(-ERANGE);
  if (digits == 0) return failed(-EINVAL);
  number.consumed = text.data() + digits - start;
  return number;
}

void put(std::uint64_t out, std::uint64_t value) noexcept { std::memcpy(bytes_at(out), &value, sizeof(value)); }

std::uint64_t strtol(Env&, std::uint64_t text, std::uint64_t size, std::uint64_t flags, std::uint64_t out,
                     std::uint64_t) noexcept {
  constexpr std::uint64_t kMin = std::uint64_t{1} << 63;
  put(out, 0);
  const Number number = parse(reinterpret_cast<const char*>(text), size, flags);
  if (number.consumed < 0) return r0(number.consumed);
  if (number.magnitude > (number.negative ? kMin : kMin - 1)) return r0(-ERANGE);
  put(out, number.negative ? 0 - number.magnitude : number.magnitude);
  return r0(number.consumed);
}

std::uint64_t strtoul(Env&, std::uint64_t text, std::uint64_t size, std::uint64_t flags, std::uint64_t out,
                      std::uint64_t) noexcept {
  put(out, 0);
  const Number number = parse(reinterpret_cast<const char*>(text), size, flags);
  if (number.consumed < 0) return r0(number.consumed);
  if (number.negative) return r0(-EINVAL);
  put(out, number.magnitude);
  return r0(number.consumed);
}

std::uint64_t strncmp(Env& env, std::uint64_t left, std::uint64_t size, std::uint64_t right, std::uint64_t,
                      std::uint64_t) noexcept {
  const auto* a = reinterpret_cast<const unsigned char*>(left);
  const auto* b = reinterpret_cast<const unsigned char*>(right);
  const std::uint64_t both = std::min(size, env.readable_room(right));
  for (std::uint64_t i = 0; i < both; ++i) {
    if (a[i] != b[i]) return r0(a[i] < b[i] ? -1 : 1);
    if (a[i] == 0) break;
  }
  return 0;
}

}  // namespace

std::span<const Row> string_rows() noexcept {
  static constexpr Row kRows[] = {
      {abi::HelperId::strtol, strtol},
      {abi::HelperId::strtoul, strtoul},
      {abi::HelperId::strncmp, strncmp},
  };
  return kRows;
}

}  // namespace skep::helpers
