// The inner maps that a run has looked up: each is kept alive until the run ends, and only these (and the image's own
// maps) may be handed to helpers. A number that is not the address of one of them is never followed.
//
// The first few take no memory from the heap; a run that walks over many maps gets an index.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <memory>
#include <unordered_map>

#include "maps/map_storage.hpp"

namespace skep::vm {

class HeldMaps {
 public:
  HeldMaps() noexcept {}
  HeldMaps(const HeldMaps&) = delete;
  HeldMaps& operator=(const HeldMaps&) = delete;
  ~HeldMaps() { std::destroy_n(near_.begin(), count_); }

  /// Keeps `map` from now on; nothing happens when it is kept already. False when there is no memory for it.
  [[nodiscard]] bool add(std::shared_ptr<maps::MapStorage> map) noexcept;

  [[nodiscard]] bool holds(std::uint64_t address) const noexcept {
    for (unsigned i = 0; i < count_; ++i)
      if (reinterpret_cast<std::uint64_t>(near_[i].get()) == address) return true;
    return far_ != nullptr && far_->maps.contains(address);
  }

  /// The area of a kept map's values that holds `address`; null when none does.
  [[nodiscard]] const maps::ValueArea* area_at(std::uint64_t address) const noexcept;

  /// Calls `visit(map)` for each of the first few, for messages.
  template <class Visit>
  void for_each_near(const Visit& visit) const {
    for (unsigned i = 0; i < count_; ++i) visit(*near_[i]);
  }

 private:
  struct Index {
    std::unordered_map<std::uint64_t, std::shared_ptr<maps::MapStorage>> maps;  // by address
    std::map<std::uint64_t, const maps::ValueArea*> areas;                      // by base
  };
  void add_far(std::shared_ptr<maps::MapStorage> map);

  unsigned count_ = 0;
  union {
    std::array<std::shared_ptr<maps::MapStorage>, 4> near_;  // only the first count_ are there
  };
  std::unique_ptr<Index> far_;
};

}  // namespace skep::vm
