// Memory for what states are made of: blocks of one size, given back to a free list, and all gone with the pool.
//
// A walk makes and drops millions of frames; what it holds at once is counted here, so that it can be kept below a
// limit.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <new>
#include <type_traits>
#include <vector>

namespace skep::verifier {

/// Not for use from several threads. Outlives what was taken from it.
class Pool {
 public:
  explicit Pool(std::size_t block_bytes) noexcept : block_bytes_(block_bytes) {}
  Pool(const Pool&) = delete;
  Pool& operator=(const Pool&) = delete;

  [[nodiscard]] void* take() {
    if (free_ == nullptr) add_slab();
    Free* block = free_;
    free_ = block->next;
    used_ += block_bytes_;
    return block;
  }
  void give(void* block) noexcept {
    free_ = new (block) Free{free_};
    used_ -= block_bytes_;
  }

  [[nodiscard]] std::size_t used_bytes() const noexcept { return used_; }
  [[nodiscard]] std::size_t held_bytes() const noexcept { return held_; }

 private:
  struct Free {
    Free* next;
  };
  static constexpr std::size_t kMostBlocks = 64;

  // Small programs, which most are, need few blocks: slabs grow with what is held already.
  void add_slab() {
    const std::size_t blocks = slabs_.empty() ? 4 : slabs_.size() < 5 ? std::size_t{4} << slabs_.size() : kMostBlocks;
    slabs_.push_back(std::make_unique_for_overwrite<std::byte[]>(blocks * block_bytes_));
    held_ += blocks * block_bytes_;
    for (std::size_t i = blocks; i-- > 0;) free_ = new (slabs_.back().get() + i * block_bytes_) Free{free_};
  }

  std::size_t block_bytes_;
  std::size_t used_ = 0, held_ = 0;
  Free* free_ = nullptr;
  std::vector<std::unique_ptr<std::byte[]>> slabs_;
};

/// For containers that states have a copy of: from the heap, but counted. `bytes` outlives what was allocated; null:
/// that of a state which is still empty.
template <class T>
struct Counted {
  using value_type = T;
  using propagate_on_container_copy_assignment = std::true_type;
  using propagate_on_container_move_assignment = std::true_type;
  using propagate_on_container_swap = std::true_type;

  [[nodiscard]] T* allocate(std::size_t count) {
    T* memory = std::allocator<T>{}.allocate(count);
    if (bytes != nullptr) *bytes += count * sizeof(T);
    return memory;
  }
  void deallocate(T* memory, std::size_t count) noexcept {
    if (bytes != nullptr) *bytes -= count * sizeof(T);
    std::allocator<T>{}.deallocate(memory, count);
  }
  bool operator==(const Counted&) const noexcept = default;

  std::size_t* bytes = nullptr;
};

}  // namespace skep::verifier
