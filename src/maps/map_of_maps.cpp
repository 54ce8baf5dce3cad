// Arrays and hashes of maps: shared slots, found by index or through the table that all hash maps have.
//
// The application reads an inner map's id back, as from Linux; it puts maps in through put(), since a number names none
// here. Behaviour and errno: Linux kernel/bpf/map_in_map.c, arraymap.c, hashtab.c.
#include "maps/map_of_maps.hpp"

#include <optional>

#include "maps/hash_table.hpp"
#include "maps/index_key.hpp"
#include "maps/kinds.hpp"
#include "maps/shared_slots.hpp"

namespace skep::maps {
namespace {

/// Flags that a map has only towards the application: they do not tell maps apart.
constexpr std::uint32_t kHostFlags = map_flag::rdonly | map_flag::wronly;

/// Look-ups in an inner array may have been made for its size, unless the application says that sizes vary.
bool sizes_must_match(const MapSpec& spec) {
  return (spec.type == MapType::array && (spec.flags & map_flag::inner_map) == 0) || spec.type == MapType::xskmap;
}

int copy_id(const std::shared_ptr<MapStorage>& inner, std::byte* value) noexcept {
  if (inner == nullptr) return -ENOENT;
  const std::uint32_t id = inner->id();
  std::memcpy(value, &id, sizeof id);
  return 0;
}

class ArrayOfMaps final : public MapOfMaps {
 public:
  explicit ArrayOfMaps(const Creation& creation)
      : MapOfMaps(creation.spec, creation.cpus), slots_(creation.spec.max_entries, creation.max_bytes) {}

  [[nodiscard]] bool has_memory() const noexcept { return slots_.has_memory(); }

  [[nodiscard]] std::shared_ptr<MapStorage> inner(const std::byte* key) noexcept override {
    return slots_.get(index_of(key));
  }
  int put(const std::byte* key, std::shared_ptr<MapStorage> inner, std::uint64_t flags) noexcept override {
    if (flags != 0) return -EINVAL;
    if (index_of(key) >= spec().max_entries) return -E2BIG;
    return admits(*inner) ? slots_.set(index_of(key), std::move(inner)) : -EINVAL;
  }
  int read(const std::byte* key, std::byte* value) noexcept override { return copy_id(inner(key), value); }
  int write(const std::byte* key, const std::byte*, std::uint64_t flags) noexcept override {
    return flags == 0 && index_of(key) >= spec().max_entries ? -E2BIG : -EINVAL;
  }
  int erase(const std::byte*) noexcept override { return -EPERM; }
  int remove(const std::byte* key) noexcept override { return slots_.remove(index_of(key)); }
  int next_key(const std::byte* key, std::byte* next) noexcept override {
    return next_index(key, next, spec().max_entries);
  }

 private:
  SharedSlotArray<MapStorage> slots_;
};

class HashOfMaps final : public MapOfMaps {
 public:
  explicit HashOfMaps(const Creation& creation) : MapOfMaps(creation.spec, creation.cpus) {
    SlabLayout layout;
    const auto geometry =
        HashGeometry::plan(spec().max_entries, spec().key_size, SharedSlots<MapStorage>::kSlotBytes, false, layout);
    const std::uint64_t slots_off = layout.add(geometry.slots() + 1, SharedSlots<MapStorage>::kSlotBytes);
    slab_ = Slab::reserve(layout, creation.max_bytes);
    const auto seed = HashSeed::make((spec().flags & map_flag::zero_seed) != 0);
    if (!slab_ || !seed) return;
    slots_ = SharedSlots<MapStorage>(slab_.at(slots_off));
    table_.emplace(geometry, slab_, *seed);
  }
  ~HashOfMaps() override {
    if (table_) table_->for_each_slot([this](std::uint32_t slot) { slots_.exchange(slot, nullptr); });
  }

  [[nodiscard]] bool has_memory() const noexcept { return table_.has_value(); }

  [[nodiscard]] std::shared_ptr<MapStorage> inner(const std::byte* key) noexcept override {
    std::shared_ptr<MapStorage> found;
    return table_->read(key, [&](std::uint32_t slot) { found = slots_.get(slot); }) ? found : nullptr;
  }
  int put(const std::byte* key, std::shared_ptr<MapStorage> inner, std::uint64_t flags) noexcept override {
    if (!admits(*inner)) return -EINVAL;
    auto box = SharedSlots<MapStorage>::box(std::move(inner));
    if (box == nullptr) return -ENOMEM;
    // The table's lock is held meanwhile: what lay there before goes when it is released.
    SharedSlots<MapStorage>::Box old;
    const auto exchange = [&](std::uint32_t slot) { old = slots_.exchange(slot, std::move(box)); };
    return table_->store(key, flags, true, exchange, exchange);
  }
  int read(const std::byte* key, std::byte* value) noexcept override { return copy_id(inner(key), value); }
  int write(const std::byte*, const std::byte*, std::uint64_t) noexcept override { return -EINVAL; }
  int erase(const std::byte*) noexcept override { return -EPERM; }
  int remove(const std::byte* key) noexcept override {
    SharedSlots<MapStorage>::Box old;
    return table_->erase(key, [&](std::uint32_t slot) { old = slots_.exchange(slot, nullptr); });
  }
  int next_key(const std::byte* key, std::byte* next) noexcept override { return table_->next_key(key, next); }
  void for_each_key(const std::function<bool(const std::byte* key)>& visit) override { table_->for_each_key(visit); }

 private:
  Slab slab_;
  std::optional<HashTable<AnyKey>> table_;
  SharedSlots<MapStorage> slots_;
};

template <class Kind>
std::shared_ptr<MapStorage> make(const Creation& creation) {
  auto map = std::make_shared<Kind>(creation);
  return map->has_memory() ? std::shared_ptr<MapStorage>(std::move(map)) : nullptr;
}

}  // namespace

bool MapOfMaps::admits(const MapStorage& inner) const noexcept {
  const MapSpec& wanted = *spec().inner;
  const MapSpec& seen = inner.spec();
  return inner.usable() && seen.type == wanted.type && seen.key_size == wanted.key_size &&
         seen.value_size == wanted.value_size && ((seen.flags ^ wanted.flags) & ~kHostFlags) == 0 &&
         (!sizes_must_match(wanted) || seen.max_entries == wanted.max_entries);
}

std::shared_ptr<MapStorage> make_array_of_maps(const Creation& creation) { return make<ArrayOfMaps>(creation); }
std::shared_ptr<MapStorage> make_hash_of_maps(const Creation& creation) { return make<HashOfMaps>(creation); }

}  // namespace skep::maps
