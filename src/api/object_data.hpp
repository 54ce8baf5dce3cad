// What an Object and its Programs share: the spec it was loaded from and the live maps made of it.
#pragma once

#include <memory>
#include <mutex>
#include <vector>

#include <skep/host.hpp>
#include <skep/map.hpp>

#include "loader/object_spec.hpp"

namespace skep {

struct ObjectData {
  loader::ObjectSpec spec;
  std::vector<Map> maps;  ///< in the order of spec.maps; what the programs' map indices name
  std::shared_ptr<Host> host;

  mutable std::mutex slots_mutex;  ///< held by whoever builds programs; guards the following
  mutable std::vector<bool>
      filled_arrays;  ///< by map: false for a program array whose initialisers wait (static_slots.hpp)
};

}  // namespace skep
