// Look-ups and changes of maps. What a kind allows, and its errors, are the storage's; a map argument has its key and
// value bytes checked before any of this runs.
#include <utility>

#include "helpers/family.hpp"
#include "maps/map_of_maps.hpp"

namespace skep::helpers {
namespace {

// The inner map itself, which the run then holds; null when there is none.
std::uint64_t lookup_inner(Env& env, maps::MapOfMaps& outer, const std::byte* key) noexcept {
  std::shared_ptr<maps::MapStorage> inner = outer.inner(key);
  const auto address = reinterpret_cast<std::uint64_t>(inner.get());
  return inner != nullptr && env.hold_map(std::move(inner)) ? address : 0;
}

std::uint64_t lookup(Env& env, std::uint64_t map, std::uint64_t key, std::uint64_t, std::uint64_t,
                     std::uint64_t) noexcept {
  maps::MapStorage& storage = map_of(map);
  const std::byte* value = storage.lookup(bytes_at(key), lane_of(env, storage));
  if (value == nullptr) {
    if (maps::MapOfMaps* outer = storage.map_of_maps()) return lookup_inner(env, *outer, bytes_at(key));
  }
  return reinterpret_cast<std::uint64_t>(value);
}

std::uint64_t update(Env& env, std::uint64_t map, std::uint64_t key, std::uint64_t value, std::uint64_t flags,
                     std::uint64_t) noexcept {
  maps::MapStorage& storage = map_of(map);
  return r0(storage.update(bytes_at(key), bytes_at(value), flags, lane_of(env, storage)));
}

std::uint64_t erase(Env&, std::uint64_t map, std::uint64_t key, std::uint64_t, std::uint64_t, std::uint64_t) noexcept {
  return r0(map_of(map).erase(bytes_at(key)));
}

std::uint64_t lookup_percpu(Env&, std::uint64_t map, std::uint64_t key, std::uint64_t cpu, std::uint64_t,
                            std::uint64_t) noexcept {
  maps::MapStorage& storage = map_of(map);
  const auto wanted = static_cast<std::uint32_t>(cpu);
  if (!storage.per_cpu() || wanted >= storage.cpus()) return 0;
  return reinterpret_cast<std::uint64_t>(storage.lookup(bytes_at(key), wanted));
}

std::uint64_t push(Env&, std::uint64_t map, std::uint64_t value, std::uint64_t flags, std::uint64_t,
                   std::uint64_t) noexcept {
  return r0(map_of(map).push(bytes_at(value), flags));
}

std::uint64_t pop(Env&, std::uint64_t map, std::uint64_t value, std::uint64_t, std::uint64_t, std::uint64_t) noexcept {
  return r0(map_of(map).pop(bytes_at(value)));
}

std::uint64_t peek(Env&, std::uint64_t map, std::uint64_t value, std::uint64_t, std::uint64_t, std::uint64_t) noexcept {
  return r0(map_of(map).peek(bytes_at(value)));
}

}  // namespace

std::span<const Row> map_rows() noexcept {
  static constexpr Row kRows[] = {
      {abi::HelperId::map_lookup_elem, lookup}, {abi::HelperId::map_update_elem, update},
      {abi::HelperId::map_delete_elem, erase},  {abi::HelperId::map_lookup_percpu_elem, lookup_percpu},
      {abi::HelperId::map_push_elem, push},     {abi::HelperId::map_pop_elem, pop},
      {abi::HelperId::map_peek_elem, peek},
  };
  return kRows;
}

}  // namespace skep::helpers
