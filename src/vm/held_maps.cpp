// Keeping inner maps, and finding their values by address.
#include "vm/held_maps.hpp"

#include <iterator>
#include <new>
#include <utility>

namespace skep::vm {
namespace {

bool covers(const maps::ValueArea& area, std::uint64_t address) noexcept {
  return address - reinterpret_cast<std::uint64_t>(area.base) < area.bytes;
}

}  // namespace

bool HeldMaps::add(std::shared_ptr<maps::MapStorage> map) noexcept {
  if (holds(reinterpret_cast<std::uint64_t>(map.get()))) return true;
  if (count_ < near_.size()) {
    std::construct_at(&near_[count_++], std::move(map));
    return true;
  }
  try {
    add_far(std::move(map));
  } catch (const std::bad_alloc&) {
    return false;
  }
  return true;
}

void HeldMaps::add_far(std::shared_ptr<maps::MapStorage> map) {
  if (far_ == nullptr) far_ = std::make_unique<Index>();
  const auto areas = map->value_areas();
  const auto address = reinterpret_cast<std::uint64_t>(map.get());
  far_->maps.emplace(address, std::move(map));
  for (const maps::ValueArea& area : areas) far_->areas.emplace(reinterpret_cast<std::uint64_t>(area.base), &area);
}

const maps::ValueArea* HeldMaps::area_at(std::uint64_t address) const noexcept {
  for (unsigned i = 0; i < count_; ++i)
    for (const maps::ValueArea& area : near_[i]->value_areas())
      if (covers(area, address)) return &area;
  if (far_ == nullptr) return nullptr;
  const auto after = far_->areas.upper_bound(address);
  if (after == far_->areas.begin()) return nullptr;
  const maps::ValueArea* area = std::prev(after)->second;
  return covers(*area, address) ? area : nullptr;
}

}  // namespace skep::vm
