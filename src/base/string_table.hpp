// A table of NUL-terminated strings, each kept once, as ELF and BTF have them: the empty string lies at offset 0.
//
// It grows to at most the bytes it is told: past them add() gives 0 and full() stays true, so that names which share
// bytes in a hostile input cannot fill memory. Texts are copied; the keys are views, which must outlive the table.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_map>

namespace skep {

class StringTable {
 public:
  explicit StringTable(std::uint64_t most_bytes = UINT32_MAX) : most_bytes_(most_bytes) {}

  /// Offset of `text`, which holds no NUL; added when it is new.
  std::uint32_t add(std::string_view text) {
    if (text.empty()) return 0;
    const auto known = offsets_.find(text);
    if (known != offsets_.end()) return known->second;
    if (text.size() >= most_bytes_ || bytes_.size() >= most_bytes_ - text.size()) {
      full_ = true;
      return 0;
    }
    const auto offset = static_cast<std::uint32_t>(bytes_.size());
    bytes_.append(text).push_back('\0');
    offsets_.emplace(text, offset);
    return offset;
  }

  /// The string at an offset that add() gave.
  [[nodiscard]] std::string_view at(std::uint32_t offset) const { return bytes_.data() + offset; }
  [[nodiscard]] bool full() const { return full_; }
  /// The table as it lies in a file.
  [[nodiscard]] const std::string& bytes() const { return bytes_; }

 private:
  std::uint64_t most_bytes_;
  std::string bytes_ = std::string(1, '\0');
  std::unordered_map<std::string_view, std::uint32_t> offsets_;
  bool full_ = false;
};

}  // namespace skep
