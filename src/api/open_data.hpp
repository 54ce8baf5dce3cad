// What an OpenObject and its OpenMaps and OpenPrograms share.
#pragma once

#include <cstdint>
#include <memory>

#include "api/object_data.hpp"

namespace skep {

struct OpenData {
  /// What will be the Object. Until it is loaded, its maps are stand-ins, except for those of global variables, which
  /// live from the start so that they can be written.
  std::shared_ptr<ObjectData> object;
  std::uint64_t max_map_bytes = 0;
  bool loaded = false;
};

}  // namespace skep
