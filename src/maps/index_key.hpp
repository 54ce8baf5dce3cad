// What all maps with the keys 0 … max_entries-1 share: reading the key and walking the keys in order.
#pragma once

#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <cstring>

namespace skep::maps {

[[nodiscard]] inline std::uint32_t index_of(const std::byte* key) noexcept {
  std::uint32_t index;
  std::memcpy(&index, key, sizeof index);
  return index;
}

/// next_key() of such maps: every index counts as present, whether anything was ever stored there or not, as in Linux.
inline int next_index(const std::byte* key, std::byte* next, std::uint32_t max_entries) noexcept {
  std::uint32_t index = 0;
  if (key != nullptr && index_of(key) < max_entries) {
    if (index_of(key) == max_entries - 1) return -ENOENT;
    index = index_of(key) + 1;
  }
  std::memcpy(next, &index, sizeof index);
  return 0;
}

}  // namespace skep::maps
