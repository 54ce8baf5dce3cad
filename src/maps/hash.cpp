// Picks the code for a hash map's key size.
#include "maps/hash.hpp"

namespace skep::maps {
namespace {

template <class Kind>
std::shared_ptr<MapStorage> make(const Creation& creation) {
  auto map = std::make_shared<Kind>(creation);
  return map->has_memory() ? std::shared_ptr<MapStorage>(std::move(map)) : nullptr;
}

template <template <class Key, bool kEvicts> class Kind, bool kEvicts>
std::shared_ptr<MapStorage> make_for_key(const Creation& creation) {
  switch (creation.spec.key_size) {
    case 4:
      return make<Kind<FixedKey<4>, kEvicts>>(creation);
    case 8:
      return make<Kind<FixedKey<8>, kEvicts>>(creation);
    case 16:
      return make<Kind<FixedKey<16>, kEvicts>>(creation);
    default:
      return make<Kind<AnyKey, kEvicts>>(creation);
  }
}

}  // namespace

std::shared_ptr<MapStorage> make_hash(const Creation& creation) { return make_for_key<HashMap, false>(creation); }
std::shared_ptr<MapStorage> make_percpu_hash(const Creation& creation) {
  return make_for_key<PerCpuHashMap, false>(creation);
}
std::shared_ptr<MapStorage> make_lru_hash(const Creation& creation) { return make_for_key<HashMap, true>(creation); }
std::shared_ptr<MapStorage> make_lru_percpu_hash(const Creation& creation) {
  return make_for_key<PerCpuHashMap, true>(creation);
}

}  // namespace skep::maps
