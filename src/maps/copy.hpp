// Copies of memory that other threads may be reading or writing at the same time.
//
// Programs share map values without a lock, so a copy into or out of one races by design, as it does in Linux. These
// functions make each word of such a copy one relaxed atomic access: a reader sees every word either old or new (never
// a torn 8-byte counter), and the race is one that C++ and ThreadSanitizer define. They order nothing.
#pragma once

#include <cstddef>
#include <cstdint>

namespace skep::maps {

namespace detail {
// Values are bytes to everyone; these types may look at them as words.
using Word64 [[gnu::may_alias]] = std::uint64_t;
using Word32 [[gnu::may_alias]] = std::uint32_t;

template <class Word>
[[gnu::always_inline]] inline void copy_word(std::byte* to, const std::byte* from) noexcept {
  __atomic_store_n(reinterpret_cast<Word*>(to), __atomic_load_n(reinterpret_cast<const Word*>(from), __ATOMIC_RELAXED),
                   __ATOMIC_RELAXED);
}

[[nodiscard]] inline bool both_aligned(const std::byte* a, const std::byte* b, std::uintptr_t unit) noexcept {
  return ((reinterpret_cast<std::uintptr_t>(a) | reinterpret_cast<std::uintptr_t>(b)) & (unit - 1)) == 0;
}

inline void copy_words(std::byte* to, const std::byte* from, std::size_t size) noexcept {
  if (both_aligned(to, from, 8)) {
    for (; size >= 8; size -= 8, to += 8, from += 8) copy_word<Word64>(to, from);
  }
  if (both_aligned(to, from, 4)) {
    for (; size >= 4; size -= 4, to += 4, from += 4) copy_word<Word32>(to, from);
  }
  for (; size > 0; --size, ++to, ++from) copy_word<std::uint8_t>(to, from);
}
}  // namespace detail

/// Copies `size` bytes, each aligned word in one piece. Either side may be shared. The areas do not overlap, or are
/// equal.
[[gnu::always_inline]] inline void copy_shared(std::byte* to, const std::byte* from, std::size_t size) noexcept {
  if (size == 8 && detail::both_aligned(to, from, 8)) return detail::copy_word<detail::Word64>(to, from);
  detail::copy_words(to, from, size);
}

/// copy_shared() of a multiple of 8 bytes, not none, between 8-byte aligned addresses.
[[gnu::always_inline]] inline void copy_words_shared(std::byte* to, const std::byte* from, std::size_t size) noexcept {
  std::size_t off = 0;
  do detail::copy_word<detail::Word64>(to + off, from + off);
  while ((off += 8) != size);
}

/// Zeroes `size` bytes, a multiple of 8, at an 8-byte aligned address.
inline void zero_shared(std::byte* to, std::size_t size) noexcept {
  for (; size > 0; size -= 8, to += 8) __atomic_store_n(reinterpret_cast<detail::Word64*>(to), 0, __ATOMIC_RELAXED);
}

}  // namespace skep::maps
