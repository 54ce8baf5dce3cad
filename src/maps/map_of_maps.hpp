// Maps whose values are other maps.
//
// A look-up by a program gives the inner map itself, as a counted reference: the run that asked keeps it, so that an
// inner map which the application replaces or removes meanwhile lives until that run ends. All inner maps look like the
// template in MapSpec::inner. Programs may only look up.
#pragma once

#include <memory>

#include "maps/map_storage.hpp"

namespace skep::maps {

/// The operations that only array_of_maps and hash_of_maps have; implemented in map_of_maps.cpp.
class MapOfMaps : public MapStorage {
 public:
  using MapStorage::MapStorage;
  /// The map under `key`; null when there is none.
  [[nodiscard]] virtual std::shared_ptr<MapStorage> inner(const std::byte* key) noexcept = 0;
  /// Puts `inner` under `key`, with the flags of an update. -EINVAL when it does not look like the template.
  virtual int put(const std::byte* key, std::shared_ptr<MapStorage> inner, std::uint64_t flags) noexcept = 0;

  [[nodiscard]] MapOfMaps* map_of_maps() noexcept override { return this; }

 protected:
  [[nodiscard]] bool admits(const MapStorage& inner) const noexcept;
};

}  // namespace skep::maps
