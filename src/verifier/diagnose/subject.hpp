// What a finding is about: registers, bytes of the stack, a reference, or the loop it is in.
#pragma once

#include <cstdint>
#include <vector>

#include "verifier/diagnose/finding.hpp"
#include "verifier/state/state.hpp"

namespace skep::verifier {

class Walk;

/// A register or a slot of a frame: something that holds one value.
struct Spot {
  std::uint8_t frame = 0;
  bool on_stack = false;
  std::uint8_t number = 0;  ///< of the register, or of the slot

  [[nodiscard]] static Spot reg(unsigned frame, unsigned number) noexcept {
    return {static_cast<std::uint8_t>(frame), false, static_cast<std::uint8_t>(number)};
  }
  /// The slot that holds the byte at `off`, which is in [-512, 0).
  [[nodiscard]] static Spot stack(unsigned frame, std::int64_t off) noexcept {
    return {static_cast<std::uint8_t>(frame), true, static_cast<std::uint8_t>((-off - 1) / kSlotBytes)};
  }
  /// Offset of the slot's lowest byte.
  [[nodiscard]] int stack_off() const noexcept { return -kSlotBytes * (number + 1); }
  bool operator==(const Spot&) const noexcept = default;
};

struct Subject {
  std::vector<Spot> spots;
  std::optional<std::uint32_t> acquired_at;  ///< a reference: the pc that acquired it
  bool loop = false;                         ///< the repetition itself is what is wrong
};

/// `walk` is where the finding was made, in a frame at `depth` (counted from 1).
[[nodiscard]] Subject subject_of(const Walk& walk, const Finding& finding, unsigned depth);

}  // namespace skep::verifier
