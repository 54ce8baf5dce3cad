// Which bytes of a function's own frame are known before the run, at one instruction.
//
// Offsets count from the frame pointer: -512 to -1. What is not known to hold a byte is not said to.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

namespace skep::lower {

class StackBytes {
 public:
  [[nodiscard]] static constexpr bool holds(std::int64_t off, std::uint64_t bytes) noexcept {
    return off >= -kFrameBytes && off < 0 && bytes <= static_cast<std::uint64_t>(-off);
  }

  /// The lowest `bytes` bytes of a number, the lowest first. Here and below, the range is inside the frame.
  void store(std::int64_t off, unsigned bytes, std::uint64_t number);
  void forget(std::int64_t off, std::uint64_t bytes) {
    if (!cells_.empty()) forget_some(off, bytes);
  }
  void forget_all() noexcept { cells_.clear(); }
  [[nodiscard]] bool is_unknown() const noexcept { return cells_.empty(); }
  [[nodiscard]] std::optional<std::uint64_t> load(std::int64_t off, unsigned bytes) const {
    return cells_.empty() ? std::nullopt : load_some(off, bytes);
  }
  /// Keeps what the other knows, too; true when that is less than before.
  bool meet(const StackBytes& other) { return !cells_.empty() && meet_some(other); }

 private:
  static constexpr std::int64_t kFrameBytes = 512;

  /// Eight bytes at 8 * number; at least one is known, and those that are not are 0.
  struct Cell {
    std::int32_t number = 0;
    std::uint64_t known = 0;  ///< all bits of the bytes that are
    std::uint64_t bytes = 0;
  };
  [[nodiscard]] std::vector<Cell>::iterator place_of(std::int32_t number);

  // Of a frame of which something is known.
  void forget_some(std::int64_t off, std::uint64_t bytes);
  [[nodiscard]] std::optional<std::uint64_t> load_some(std::int64_t off, unsigned bytes) const;
  bool meet_some(const StackBytes& other);

  std::vector<Cell> cells_;  ///< sorted
};

}  // namespace skep::lower
