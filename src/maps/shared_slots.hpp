// A row of slots, each of which holds a counted reference or nothing. Program arrays and maps of maps are made of them.
//
// A slot is one word of the map's slab: the address of a reference on the heap, and a lock in bit 0. A reader copies
// the reference under that lock, so that what it got stays alive whatever happens to the slot; what a slot held before
// is handed to the caller, to be let go outside the lock, since that may destroy a program or a map.
#pragma once

#include <atomic>
#include <cerrno>
#include <cstdint>
#include <memory>
#include <new>
#include <utility>

#include "maps/slab.hpp"
#include "maps/spin_lock.hpp"

namespace skep::maps {

template <class T>
class SharedSlots {
 public:
  using Reference = std::shared_ptr<T>;
  static constexpr std::uint64_t kSlotBytes = sizeof(std::uint64_t);

  SharedSlots() = default;
  /// `base` is zeroed memory for all slots that are ever named and outlives this object.
  explicit SharedSlots(std::byte* base) noexcept : words_(reinterpret_cast<std::uint64_t*>(base)) {}

  /// What the slot holds; null when it is empty.
  [[nodiscard]] Reference get(std::uint64_t slot) const noexcept {
    const std::uint64_t word = lock(slot);
    Reference found;
    if (word != 0) found = *boxed_in(word);
    unlock(slot, word);
    return found;
  }

  /// A reference on its way into a slot; null when there is no memory.
  using Box = std::unique_ptr<Reference>;
  [[nodiscard]] static Box box(Reference reference) noexcept {
    return Box(new (std::nothrow) Reference(std::move(reference)));
  }
  /// Puts `box` into the slot (null empties it); what was there before.
  Box exchange(std::uint64_t slot, Box box) const noexcept {
    const std::uint64_t old = lock(slot);
    unlock(slot, reinterpret_cast<std::uint64_t>(box.release()));
    return Box(boxed_in(old));
  }

 private:
  static constexpr std::uint64_t kLocked = 1;

  [[nodiscard]] static Reference* boxed_in(std::uint64_t word) noexcept { return reinterpret_cast<Reference*>(word); }

  // What the slot holds, once it is ours.
  [[nodiscard]] std::uint64_t lock(std::uint64_t slot) const noexcept {
    Backoff backoff;
    for (;;) {
      const std::uint64_t word = __atomic_fetch_or(words_ + slot, kLocked, __ATOMIC_ACQUIRE);
      if ((word & kLocked) == 0) return word;
      backoff.pause();
    }
  }
  void unlock(std::uint64_t slot, std::uint64_t word) const noexcept {
    __atomic_store_n(words_ + slot, word, __ATOMIC_RELEASE);
  }

  std::uint64_t* words_ = nullptr;
};

/// Slots of an array: knows up to where they were ever filled, so that emptying a huge array stays cheap.
template <class T>
class SharedSlotArray {
 public:
  using Reference = typename SharedSlots<T>::Reference;

  SharedSlotArray(std::uint32_t count, std::uint64_t max_bytes) : count_(count) {
    SlabLayout layout;
    layout.add(count, SharedSlots<T>::kSlotBytes);
    slab_ = Slab::reserve(layout, max_bytes);
    if (slab_) slots_ = SharedSlots<T>(slab_.at(0));
  }
  ~SharedSlotArray() { clear(); }
  SharedSlotArray(const SharedSlotArray&) = delete;
  SharedSlotArray& operator=(const SharedSlotArray&) = delete;

  [[nodiscard]] bool has_memory() const noexcept { return static_cast<bool>(slab_); }
  [[nodiscard]] Reference get(std::uint32_t index) const noexcept {
    return index < count_ ? slots_.get(index) : nullptr;
  }
  /// Null empties the slot. -E2BIG past the end, -ENOMEM.
  int set(std::uint32_t index, Reference reference) noexcept {
    if (index >= count_) return -E2BIG;
    typename SharedSlots<T>::Box box;
    if (reference != nullptr) {
      box = SharedSlots<T>::box(std::move(reference));
      if (box == nullptr) return -ENOMEM;
      note_used(index);
    }
    slots_.exchange(index, std::move(box));
    return 0;
  }
  /// -E2BIG past the end, -ENOENT when the slot was empty.
  int remove(std::uint32_t index) noexcept {
    if (index >= count_) return -E2BIG;
    return slots_.exchange(index, nullptr) != nullptr ? 0 : -ENOENT;
  }
  void clear() noexcept {
    const std::uint64_t used = used_.load(std::memory_order_acquire);
    for (std::uint64_t index = 0; index < used; ++index) slots_.exchange(index, nullptr);
  }

 private:
  void note_used(std::uint32_t index) noexcept {
    std::uint64_t used = used_.load(std::memory_order_relaxed);
    while (used <= index && !used_.compare_exchange_weak(used, std::uint64_t{index} + 1, std::memory_order_release)) {
    }
  }

  std::uint32_t count_;
  Slab slab_;
  SharedSlots<T> slots_;
  std::atomic<std::uint64_t> used_{0};
};

}  // namespace skep::maps
