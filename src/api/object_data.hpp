// What an Object and its Programs share: the spec it was loaded from and the live maps made of it.
#pragma once

#include <memory>
#include <vector>

#include <skep/host.hpp>
#include <skep/map.hpp>

#include "loader/object_spec.hpp"

namespace skep {

struct ObjectData {
  loader::ObjectSpec spec;
  std::vector<Map> maps;  ///< in the order of spec.maps; what the programs' map indices name
  std::shared_ptr<Host> host;
};

}  // namespace skep
