// A table of NUL-terminated strings, each kept once, as ELF and BTF have them: the empty string lies at offset 0.
//
// It grows to at most the bytes it is told: past them add() gives 0 and full() stays true, so that names which share
// bytes in a hostile input cannot fill memory. Texts are copied; beside their bytes a string costs 4 to 8 bytes.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace skep {

class StringTable {
 public:
  explicit StringTable(std::uint64_t most_bytes = UINT32_MAX) : most_bytes_(most_bytes) {}

  /// Offset of `text`, which holds no NUL; added when it is new.
  std::uint32_t add(std::string_view text) {
    if (text.empty()) return 0;
    if (2 * (count_ + 1) > slots_.size()) grow();
    std::uint32_t& slot = slots_[find(text)];
    if (slot != 0) return slot;
    if (text.size() >= most_bytes_ || bytes_.size() >= most_bytes_ - text.size()) {
      full_ = true;
      return 0;
    }
    slot = static_cast<std::uint32_t>(bytes_.size());
    bytes_.append(text).push_back('\0');
    ++count_;
    return slot;
  }

  /// The string at an offset that add() gave.
  [[nodiscard]] std::string_view at(std::uint32_t offset) const { return bytes_.data() + offset; }
  [[nodiscard]] bool full() const { return full_; }
  /// The table as it lies in a file.
  [[nodiscard]] const std::string& bytes() const { return bytes_; }

 private:
  /// The slot that holds `text`, or the empty one where it would go.
  [[nodiscard]] std::size_t find(std::string_view text) const {
    const std::size_t mask = slots_.size() - 1;
    for (std::size_t slot = std::hash<std::string_view>{}(text)&mask;; slot = (slot + 1) & mask)
      if (slots_[slot] == 0 || is_at(slots_[slot], text)) return slot;
  }
  [[nodiscard]] bool is_at(std::uint32_t offset, std::string_view text) const {
    return bytes_.compare(offset, text.size(), text) == 0 && bytes_[offset + text.size()] == '\0';
  }
  void grow() {
    constexpr std::size_t kFirst = 64;
    const std::vector<std::uint32_t> old = std::exchange(slots_, {});
    slots_.resize(old.empty() ? kFirst : 2 * old.size());
    for (const std::uint32_t offset : old)
      if (offset != 0) slots_[find(at(offset))] = offset;
  }

  std::uint64_t most_bytes_;
  std::string bytes_ = std::string(1, '\0');
  std::vector<std::uint32_t> slots_;  ///< offsets by hash, 0 for an empty one; a power of two, at most half full
  std::size_t count_ = 0;
  bool full_ = false;
};

}  // namespace skep
