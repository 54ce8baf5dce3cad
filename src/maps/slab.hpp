// The memory of one map: a single zeroed reservation that costs nothing until it is touched.
//
// A map lays out all its parts first (SlabLayout, which notices overflow) and then maps them in one go, so a map of
// four billion entries is refused or created at the price of a small one. Parts start at multiples of 64 bytes.
#pragma once

#include <cstddef>
#include <cstdint>
#include <utility>

namespace skep::maps {

/// Adds up the parts of a slab. Pure arithmetic; sizes come from hostile map definitions.
class SlabLayout {
 public:
  /// Room for `count` items of `stride` bytes. The part's offset, meaningless when fits() is false in the end.
  std::uint64_t add(std::uint64_t count, std::uint64_t stride) noexcept {
    const std::uint64_t off = bytes_;
    std::uint64_t size = 0;
    overflow_ |= __builtin_mul_overflow(count, stride, &size);
    overflow_ |= __builtin_add_overflow(size, kAlign - 1, &size);
    overflow_ |= __builtin_add_overflow(bytes_, size & ~(kAlign - 1), &bytes_);
    return off;
  }
  [[nodiscard]] bool fits(std::uint64_t max_bytes) const noexcept { return !overflow_ && bytes_ <= max_bytes; }
  [[nodiscard]] std::uint64_t bytes() const noexcept { return bytes_; }

 private:
  static constexpr std::uint64_t kAlign = 64;
  std::uint64_t bytes_ = 0;
  bool overflow_ = false;
};

/// Owns the reservation. Page-aligned and zeroed; movable; an empty one converts to false.
class Slab {
 public:
  Slab() = default;
  /// Reserves what `layout` adds up to, or nothing when that is more than `max_bytes` or the system refuses.
  [[nodiscard]] static Slab reserve(const SlabLayout& layout, std::uint64_t max_bytes) noexcept;
  Slab(Slab&& other) noexcept : base_(std::exchange(other.base_, nullptr)), bytes_(std::exchange(other.bytes_, 0)) {}
  Slab& operator=(Slab&& other) noexcept {
    std::swap(base_, other.base_);
    std::swap(bytes_, other.bytes_);
    return *this;
  }
  ~Slab();

  explicit operator bool() const noexcept { return base_ != nullptr; }
  [[nodiscard]] std::byte* at(std::uint64_t off) const noexcept { return base_ + off; }

 private:
  Slab(std::byte* base, std::uint64_t bytes) : base_(base), bytes_(bytes) {}

  std::byte* base_ = nullptr;
  std::uint64_t bytes_ = 0;
};

}  // namespace skep::maps
