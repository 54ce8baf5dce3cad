// Notes and names: text that comes out of hostile input, kept short and printable.
#include "loader/source.hpp"

#include <fmt/format.h>

namespace skep::loader {

void Notes::add(std::string note) {
  if (notes_.size() < kMaxNotes) notes_.push_back(std::move(note));
  if (notes_.size() == kMaxNotes) notes_.emplace_back("further notes are left out");
}

std::string shown(std::string_view name) {
  constexpr std::size_t kMost = 80;
  std::string text(name.substr(0, kMost));
  for (char& c : text)
    if (c < ' ' || c > '~') c = '?';
  if (name.size() > kMost) text += "…";
  return text;
}

std::string in_section(std::string_view name) { return fmt::format("elf: section {}", shown(name)); }

Result<void> check_name(std::string_view what, std::string_view name, std::size_t most) {
  if (name.size() <= most) return {};
  return fail(ErrorCode::limit, fmt::format("{} {}", what, shown(name)),
              fmt::format("name is {} bytes long, at most {} are taken", name.size(), most));
}

}  // namespace skep::loader
