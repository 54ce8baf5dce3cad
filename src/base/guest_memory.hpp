// Plain loads and stores on memory that programs on several threads may share.
//
// A program's own race is the program's business, as in Linux, and must not be undefined behaviour of ours. Where the thread
// sanitizer watches, aligned accesses are relaxed atomics so that it sees none; elsewhere they are plain moves.
#pragma once

#include <cstdint>
#include <cstring>

#if defined(__SANITIZE_THREAD__)
#define SKEP_THREAD_SANITIZER 1
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define SKEP_THREAD_SANITIZER 1
#endif
#endif

namespace skep {

template <class T>
[[nodiscard]] inline T guest_load(std::uint64_t address) noexcept {
  const void* from = reinterpret_cast<const void*>(address);
#ifdef SKEP_THREAD_SANITIZER
  if (address % sizeof(T) == 0) return __atomic_load_n(static_cast<const T*>(from), __ATOMIC_RELAXED);
#endif
  T value;
  std::memcpy(&value, from, sizeof(T));
  return value;
}

template <class T>
inline void guest_store(std::uint64_t address, T value) noexcept {
  void* to = reinterpret_cast<void*>(address);
#ifdef SKEP_THREAD_SANITIZER
  if (address % sizeof(T) == 0) return __atomic_store_n(static_cast<T*>(to), value, __ATOMIC_RELAXED);
#endif
  std::memcpy(to, &value, sizeof(T));
}

}  // namespace skep
