// Which slots of a hash map are free: lock-free, last in first out, and silent about slots that were never used.
//
// Slots are numbers from 1 to the capacity; 0 means none. Fresh slots come from a counter, so that memory nobody used
// is never touched; returned ones form a list threaded through a 4-byte cell of each slot. The list's head carries a
// count of changes, so that a head that went and came back is not mistaken for one that stayed.
#pragma once

#include <atomic>
#include <cstdint>

#include "base/threads.hpp"

namespace skep::maps {

class SlotPool {
 public:
  explicit SlotPool(std::uint32_t capacity) : capacity_(capacity) {}

  /// Takes a slot, or 0 when none is free. `cell_of(slot)` gives the slot's list cell as an atomic reference.
  template <class CellOf>
  [[nodiscard]] std::uint32_t take(const CellOf& cell_of) noexcept {
    std::uint64_t head = head_.load(std::memory_order_acquire);
    while (slot_in(head) != 0) {
      const std::uint32_t slot = slot_in(head);
      // The cell may be rewritten by another taker meanwhile; then the exchange fails and the word read is dropped.
      const std::uint32_t next = cell_of(slot).load(std::memory_order_relaxed);
      if (replace(head_, head, changed(head, next), std::memory_order_acquire)) return slot;
    }
    std::uint32_t used = used_.load(std::memory_order_relaxed);
    while (used < capacity_) {
      if (replace(used_, used, used + 1, std::memory_order_relaxed)) return used + 1;
    }
    return 0;
  }

  /// Gives a slot back.
  template <class CellOf>
  void give(std::uint32_t slot, const CellOf& cell_of) noexcept {
    std::uint64_t head = head_.load(std::memory_order_relaxed);
    do {
      cell_of(slot).store(slot_in(head), std::memory_order_relaxed);
    } while (!replace(head_, head, changed(head, slot), std::memory_order_release));
  }

  /// False until the first slot is taken.
  [[nodiscard]] bool ever_used() const noexcept { return used_.load(std::memory_order_relaxed) != 0; }

 private:
  /// False, and `seen` is what is there, when others were faster. Alone there are none.
  template <class T>
  [[nodiscard]] static bool replace(std::atomic<T>& word, T& seen, T value, std::memory_order order) noexcept {
    if (!single_threaded()) return word.compare_exchange_weak(seen, value, order, std::memory_order_acquire);
    word.store(value, std::memory_order_relaxed);
    return true;
  }
  [[nodiscard]] static std::uint32_t slot_in(std::uint64_t head) noexcept { return static_cast<std::uint32_t>(head); }
  [[nodiscard]] static std::uint64_t changed(std::uint64_t head, std::uint32_t slot) noexcept {
    return (((head >> 32) + 1) << 32) | slot;
  }

  std::uint32_t capacity_;
  std::atomic<std::uint32_t> used_{0};
  std::atomic<std::uint64_t> head_{0};  // changes << 32 | slot
};

}  // namespace skep::maps
