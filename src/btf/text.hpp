// How text that came from a file, or grew from one, gets into text for people: unprintable bytes replaced, length
// bounded. The room's own header.
#pragma once

#include <string>
#include <string_view>

namespace skep::btf {

inline constexpr std::string_view kEllipsis = "…";

/// `name` with control characters, which could drive a terminal, as "?". UTF-8 stays as it is.
[[nodiscard]] inline std::string printable(std::string_view name) {
  std::string out(name);
  for (char& c : out) {
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) c = '?';
  }
  return out;
}

/// Cuts `text` to `limit` bytes, on a UTF-8 boundary, and says so with an ellipsis.
inline void cut(std::string& text, std::size_t limit) {
  if (text.size() <= limit) return;
  while (limit > 0 && (static_cast<unsigned char>(text[limit]) & 0xc0) == 0x80) --limit;
  text.resize(limit);
  text += kEllipsis;
}

}  // namespace skep::btf
