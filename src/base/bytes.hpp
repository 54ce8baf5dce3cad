// Bounds-checked reading of little-endian records out of hostile bytes.
//
// A ByteReader never reads outside its span: a read that would pass the end yields nothing, and the caller turns that
// into an Error that says where. It owns nothing; the bytes must outlive it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <optional>
#include <span>
#include <string_view>
#include <type_traits>

#include "base/bits.hpp"

namespace skep {

using Bytes = std::span<const std::byte>;

class ByteReader {
 public:
  ByteReader() = default;
  explicit ByteReader(Bytes bytes) : bytes_(bytes) {}

  [[nodiscard]] std::size_t size() const { return bytes_.size(); }
  [[nodiscard]] Bytes bytes() const { return bytes_; }

  /// The T at byte offset `off`, or nothing when it would pass the end. T is copied as it lies (little-endian hosts).
  template <class T>
  [[nodiscard]] std::optional<T> read(std::uint64_t off) const {
    static_assert(std::is_trivially_copyable_v<T>);
    if (!in_bounds(off, sizeof(T), bytes_.size())) return std::nullopt;
    T value;
    std::memcpy(static_cast<void*>(&value), bytes_.data() + off, sizeof(T));
    return value;
  }

  /// The bytes [off, off + size), or nothing when they pass the end.
  [[nodiscard]] std::optional<Bytes> slice(std::uint64_t off, std::uint64_t size) const {
    if (!in_bounds(off, size, bytes_.size())) return std::nullopt;
    return bytes_.subspan(off, size);
  }

  /// The NUL-terminated string that starts at `off`, or nothing when `off` or the terminator is missing.
  [[nodiscard]] std::optional<std::string_view> c_string(std::uint64_t off) const {
    if (off >= bytes_.size()) return std::nullopt;
    const char* start = reinterpret_cast<const char*>(bytes_.data()) + off;
    const void* end = std::memchr(start, 0, bytes_.size() - off);
    if (end == nullptr) return std::nullopt;
    return std::string_view(start, static_cast<std::size_t>(static_cast<const char*>(end) - start));
  }

 private:
  Bytes bytes_;
};

}  // namespace skep
