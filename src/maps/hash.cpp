// Picks the code for a hash map's key size.
#include "maps/hash.hpp"

namespace skep::maps {
namespace {

template <class Kind>
std::shared_ptr<MapStorage> make(const Creation& creation) {
  auto map = std::make_shared<Kind>(creation);
  return map->has_memory() ? std::shared_ptr<MapStorage>(std::move(map)) : nullptr;
}

template <template <class Key> class Kind>
std::shared_ptr<MapStorage> make_for_key(const Creation& creation) {
  switch (creation.spec.key_size) {
    case 4:
      return make<Kind<FixedKey<4>>>(creation);
    case 8:
      return make<Kind<FixedKey<8>>>(creation);
    case 16:
      return make<Kind<FixedKey<16>>>(creation);
    default:
      return make<Kind<AnyKey>>(creation);
  }
}

}  // namespace

std::shared_ptr<MapStorage> make_hash(const Creation& creation) { return make_for_key<HashMap>(creation); }
std::shared_ptr<MapStorage> make_percpu_hash(const Creation& creation) { return make_for_key<PerCpuHashMap>(creation); }

}  // namespace skep::maps
