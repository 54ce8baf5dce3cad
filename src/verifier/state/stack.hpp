// The stack of one frame: slots of eight bytes, as deep as the path has come, in chunks that states share.
//
// Slots count downwards from the frame pointer: slot i is the eight bytes at [-8(i+1), -8i); a slot's bytes are kept in
// ascending address order. A spilled scalar's place in the precision graph is not in the slot but beside it, in the
// frame: a checkpoint gives every value a new one, and that must not unshare what else is in the slots.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>

#include "verifier/state/cow.hpp"
#include "verifier/state/register.hpp"

namespace skep::verifier {

inline constexpr std::int32_t kStackBytes = 512;
inline constexpr std::int32_t kSlotBytes = 8;
inline constexpr unsigned kSlots = kStackBytes / kSlotBytes;

/// What a byte of the stack holds.
enum class StackByte : std::uint8_t { invalid, misc, zero, spill };

struct Slot {
  std::array<StackByte, kSlotBytes> bytes{};
  Register spilled;  ///< when bytes[0] is spill; without its node

  [[nodiscard]] bool is_spill() const noexcept { return bytes[0] == StackByte::spill; }
  /// How many bytes the spilled register takes, from the lowest.
  [[nodiscard]] unsigned spill_bytes() const noexcept {
    return static_cast<unsigned>(
        std::find_if(bytes.begin(), bytes.end(), [](StackByte b) { return b != StackByte::spill; }) - bytes.begin());
  }
};

class Stack {
 public:
  static constexpr unsigned kChunkSlots = 8;
  struct Chunk {
    std::array<Slot, kChunkSlots> slots;
  };

  /// Slots below size() were written or read; the others hold nothing.
  [[nodiscard]] unsigned size() const noexcept { return size_; }
  [[nodiscard]] const Slot& operator[](unsigned slot) const noexcept {
    return chunks_[slot / kChunkSlots]->slots[slot % kChunkSlots];
  }
  /// The slot, or one that holds nothing.
  [[nodiscard]] const Slot& at(unsigned slot) const noexcept {
    static constexpr Slot kNothing{};
    return slot < size_ ? (*this)[slot] : kNothing;
  }
  [[nodiscard]] Slot& change(unsigned slot) { return chunks_[slot / kChunkSlots].change().slots[slot % kChunkSlots]; }
  void grow(Pool& pool, unsigned slots) {
    for (unsigned i = (size_ + kChunkSlots - 1) / kChunkSlots; i * kChunkSlots < slots; ++i)
      chunks_[i] = Cow<Chunk>(pool, Chunk{});
    size_ = std::max(size_, slots);
  }
  /// Both are one and the same, without looking inside.
  [[nodiscard]] bool shares(unsigned slot, const Stack& other) const noexcept {
    return slot < size_ && slot < other.size_ && chunks_[slot / kChunkSlots].same(other.chunks_[slot / kChunkSlots]);
  }

 private:
  std::array<Cow<Chunk>, kSlots / kChunkSlots> chunks_;
  unsigned size_ = 0;
};

}  // namespace skep::verifier
