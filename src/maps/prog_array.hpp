// Program arrays: where tail calls find their target.
//
// A slot holds a reference-counted, opaque target that the room that runs programs understands; this room only stores
// it. Readers take a counted reference, so a program that is replaced while it runs stays alive until it ends.
#pragma once

#include <memory>

#include "maps/map_storage.hpp"

namespace skep::maps {

/// Base of whatever the engines put into a program array.
class TailTarget {
 public:
  virtual ~TailTarget() = default;
  /// The id that the application reads back from the array (Linux: the program's id). Not 0.
  [[nodiscard]] virtual std::uint32_t id() const noexcept = 0;
  /// What kind of program it is (Linux: its type). One array holds programs of one kind only.
  [[nodiscard]] virtual std::uint32_t kind() const noexcept = 0;
};

/// The operations that only program arrays have; implemented in prog_array.cpp.
class ProgArrayMap : public MapStorage {
 public:
  using MapStorage::MapStorage;
  /// The target in slot `index`; null when the slot is empty or out of range.
  [[nodiscard]] virtual std::shared_ptr<const TailTarget> target(std::uint32_t index) const noexcept = 0;
  /// Puts `target` into slot `index` (null empties it). -E2BIG out of range, -EINVAL when the first target that the
  /// array ever held was of another kind.
  virtual int set(std::uint32_t index, std::shared_ptr<const TailTarget> target) noexcept = 0;
};

}  // namespace skep::maps
