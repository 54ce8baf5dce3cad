// Shortening works on the text of btf::format_value, so that it holds for arrays anywhere inside a value.
#include "cli/value_text.hpp"

#include <fmt/format.h>

#include "cli/input.hpp"

namespace skep::cli {
namespace {

constexpr std::size_t kMaxCell = 72;     // characters
constexpr std::size_t kShownBytes = 24;  // of a value without a type
constexpr std::size_t kLongRun = 4;      // zeros that end an array and are left out

/// "[10 0 0 1 0 0 0 0 0 0]" → "[10 0 0 1 0…]".
std::string without_trailing_zeros(std::string text) {
  for (std::size_t close = text.find(']'); close != std::string::npos; close = text.find(']', close + 1)) {
    std::size_t from = close, zeros = 0;
    for (; from >= 2 && text.compare(from - 2, 2, " 0") == 0; ++zeros) from -= 2;
    if (from >= 2 && text.compare(from - 2, 2, "[0") == 0) {
      --from;
      ++zeros;
    }
    if (zeros < kLongRun) continue;
    const std::string rest = text[from] == ' ' ? " 0…" : "0…";
    text.replace(from, close - from, rest);
    close = from + rest.size();
  }
  return text;
}

std::string untyped_text(std::span<const std::byte> bytes) {
  if (bytes.size() <= kShownBytes) return format_hex(bytes);
  return fmt::format("{} … ({} bytes)", format_hex(bytes.first(kShownBytes)), bytes.size());
}

}  // namespace

std::string cut_to(std::string text, std::size_t most) {
  if (text.size() <= most) return text;
  while (most > 0 && (static_cast<unsigned char>(text[most]) & 0xc0) == 0x80) --most;
  return text.substr(0, most) + "…";
}

std::string value_text(const btf::Btf* btf, btf::TypeId type, std::span<const std::byte> bytes) {
  if (btf == nullptr || type == 0) return untyped_text(bytes);
  return cut_to(without_trailing_zeros(btf::format_value(*btf, type, bytes)), kMaxCell);
}

}  // namespace skep::cli
