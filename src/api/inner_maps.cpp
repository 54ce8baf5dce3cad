// Slot after slot, map after map: what the file names is there, or it is an error.
#include "api/inner_maps.hpp"

#include <algorithm>
#include <cstring>

#include <fmt/format.h>

#include "maps/map_storage.hpp"

namespace skep {

Result<void> fill_inner_maps(const loader::ObjectSpec& spec, std::span<const Map> maps) {
  for (std::size_t i = 0; i < spec.maps.size(); ++i) {
    const loader::MapDef& def = spec.maps[i];
    if (def.slots.empty() || maps[i].storage()->map_of_maps() == nullptr) continue;
    std::vector<std::byte> key(def.spec.key_size);
    for (std::uint32_t slot = 0; slot < def.slots.size(); ++slot) {
      if (def.slots[slot].empty()) continue;
      const std::string where = fmt::format("map {}, slot {}", def.spec.name, slot);
      const auto inner =
          std::find_if(maps.begin(), maps.end(), [&](const Map& map) { return map.name() == def.slots[slot]; });
      if (inner == maps.end()) return fail(ErrorCode::not_found, where, "there is no map " + def.slots[slot]);
      std::memcpy(key.data(), &slot, std::min(key.size(), sizeof slot));
      if (auto put = maps[i].update(std::span<const std::byte>(key), *inner); !put)
        return fail(put.error().code, where, fmt::format("cannot hold map {}: {}", inner->name(), put.error().what),
                    put.error().sys);
    }
  }
  return {};
}

}  // namespace skep
