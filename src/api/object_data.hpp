// What an Object and its Programs share: the spec it was loaded from and the live maps made of it.
#pragma once

#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include <skep/host.hpp>
#include <skep/map.hpp>

#include "loader/object_spec.hpp"

namespace skep {

struct ObjectData {
  loader::ObjectSpec spec;
  std::vector<Map> maps;  ///< in the order of spec.maps; what the programs' map indices name
  std::shared_ptr<Host> host;

  /// Files of kernel types that the verifier asks (ObjectOptions), read when a program first needs them.
  std::string target_btf, target_btf_base;
  mutable std::mutex types_mutex;  ///< guards the following
  mutable std::shared_ptr<const btf::Btf> target_types;
  mutable bool types_asked = false;

  mutable std::mutex slots_mutex;  ///< held by whoever builds programs; guards the following
  mutable std::vector<bool>
      filled_arrays;  ///< by map: false for a program array whose initialisers wait (static_slots.hpp)
};

}  // namespace skep
