// Maps as an application sees them: what a map is (MapSpec) and a handle to a live one (Map).
//
// A Map is a cheap, copyable handle; all copies name the same live map. Every operation may be called from any thread
// at any time, also while programs run, and has the guarantees that the same operation of Linux' bpf(2) has for that
// kind of map. Errors carry Linux' errno in Error::sys (ENOENT, EEXIST, E2BIG, EINVAL, ENOMEM, ENOTSUPP…).
// Sizes are bytes. Source: Linux Documentation/bpf/maps.rst and map_*.rst.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <type_traits>
#include <vector>

#include <skep/error.hpp>
#include <skep/types.hpp>

namespace skep {

namespace maps {
class MapStorage;  // the live map itself, inside the library
}

/// A C-like value that can stand for a key or a value as its own bytes.
template <class T>
concept PlainValue = std::is_trivially_copyable_v<T> && !std::is_pointer_v<T> &&
                     !std::is_convertible_v<const T&, std::span<const std::byte>>;

/// What a map is, before and after it lives. Plain data.
struct MapSpec {
  std::string name;
  MapType type = MapType::unspec;
  std::uint32_t key_size = 0;
  std::uint32_t value_size = 0;  ///< of one value; per-CPU maps hold one such value for every CPU
  std::uint32_t max_entries = 0;
  std::uint32_t flags = 0;  ///< map_flag bits
  std::uint64_t map_extra = 0;
  std::uint32_t numa_node = 0;  ///< whose memory a map with map_flag::numa_node asks for; recorded, all memory is alike
  std::uint32_t btf_key_type = 0;    ///< type id in the object's BTF, 0 when unknown
  std::uint32_t btf_value_type = 0;  ///< likewise
  bool pinned_by_name = false;       ///< the object asks for LIBBPF_PIN_BY_NAME; recorded, nothing is pinned
  std::shared_ptr<const MapSpec> inner;  ///< what the maps inside an array/hash of maps look like
};

class Map {
 public:
  /// Creates a live map outside any object, as BPF_MAP_CREATE does. `cpus` is the number of values a per-CPU map holds;
  /// 0 means as many as this machine has. EINVAL, E2BIG or ENOMEM as Linux, when the spec is not one it would create.
  [[nodiscard]] static Result<Map> create(const MapSpec& spec, unsigned cpus = 0);

  [[nodiscard]] const MapSpec& spec() const;
  [[nodiscard]] const std::string& name() const { return spec().name; }
  /// Tells the live maps of this process apart, as a map's id does in Linux.
  [[nodiscard]] std::uint32_t id() const;
  [[nodiscard]] bool per_cpu() const;
  [[nodiscard]] unsigned cpus() const;

  /// The number of bytes that lookup() returns and update() takes: value_size, or for a per-CPU map
  /// round_up(value_size, 8) for each CPU in turn, as in Linux.
  [[nodiscard]] std::size_t host_value_size() const;

  /// A copy of the value under `key` (exactly key_size bytes). ENOENT when there is none.
  [[nodiscard]] Result<std::vector<std::byte>> lookup(std::span<const std::byte> key) const;
  /// Stores `value` (exactly host_value_size() bytes) under `key`. ENOENT, EEXIST, E2BIG as Linux.
  Result<void> update(std::span<const std::byte> key, std::span<const std::byte> value,
                      Update flag = Update::any) const;
  /// Puts `inner` under `key` of a map of maps. EINVAL when this is none, or when `inner` does not look like
  /// spec().inner; else as the other update(). A program that has looked `inner` up keeps it for the rest of its run,
  /// whatever is updated or removed meanwhile. lookup() then gives id() of the map inside, 4 bytes.
  Result<void> update(std::span<const std::byte> key, const Map& inner, Update flag = Update::any) const;
  /// Removes `key`. ENOENT when there is none, EINVAL for arrays.
  Result<void> erase(std::span<const std::byte> key) const;
  /// Queues and stacks have no keys: update() with an empty key pushes (Update::exist drops the oldest value of a full
  /// map, E2BIG otherwise), lookup() peeks, and this takes a value out. ENOENT when there is none.
  [[nodiscard]] Result<std::vector<std::byte>> pop() const;
  /// Whether `value` may have been pushed into a Bloom filter (by update() with an empty key); false is certain.
  [[nodiscard]] Result<bool> contains(std::span<const std::byte> value) const;
  /// Forbids the application to write from now on, as BPF_MAP_FREEZE does; programs still may. EPERM when it may not
  /// anyway.
  Result<void> freeze() const;
  /// The key after `key` in iteration order; the first one for an empty span or a key that is gone. Nothing at the end.
  [[nodiscard]] Result<std::optional<std::vector<std::byte>>> next_key(std::span<const std::byte> key) const;

  /// Calls `visit(key, value)` with a copy of each entry until it returns false. Entries that other threads add or
  /// remove meanwhile may or may not be seen; none is seen twice. Returns the number of calls made.
  std::size_t for_each(
      const std::function<bool(std::span<const std::byte> key, std::span<const std::byte> value)>& visit) const;

  /// Looks up many keys, laid one after the other in `keys`. The values lie in the result in the same order; stops with
  /// the Error of the first key that fails.
  [[nodiscard]] Result<std::vector<std::byte>> lookup_batch(std::span<const std::byte> keys) const;
  /// Updates many entries. Returns how many were stored before the first failure, with that failure's errno in `sys`
  /// (0 when all went in), as BPF_MAP_UPDATE_BATCH reports it.
  struct BatchResult {
    std::size_t done = 0;
    int sys = 0;
  };
  BatchResult update_batch(std::span<const std::byte> keys, std::span<const std::byte> values,
                           Update flag = Update::any) const;
  /// Removes many keys; reports as update_batch().
  BatchResult erase_batch(std::span<const std::byte> keys) const;

  // The same for trivially copyable types whose sizes are those of the map: `drops.lookup<std::uint64_t>(0u)`.
  template <PlainValue V, PlainValue K>
  [[nodiscard]] Result<V> lookup(const K& key) const {
    auto bytes = lookup(std::as_bytes(std::span(&key, 1)));
    if (!bytes) return fail(std::move(bytes).error());
    if (bytes->size() != sizeof(V)) return fail(wrong_value_size(sizeof(V)));
    V value;
    std::memcpy(static_cast<void*>(&value), bytes->data(), sizeof(V));
    return value;
  }
  /// Every CPU's value of a per-CPU map, in CPU order.
  template <PlainValue V, PlainValue K>
  [[nodiscard]] Result<std::vector<V>> lookup_per_cpu(const K& key) const {
    auto bytes = lookup(std::as_bytes(std::span(&key, 1)));
    if (!bytes) return fail(std::move(bytes).error());
    const std::size_t stride = (sizeof(V) + 7) / 8 * 8;
    if (!per_cpu() || bytes->size() != stride * cpus()) return fail(wrong_value_size(sizeof(V)));
    std::vector<V> values(cpus());
    for (std::size_t i = 0; i < values.size(); ++i)
      std::memcpy(static_cast<void*>(&values[i]), bytes->data() + i * stride, sizeof(V));
    return values;
  }
  template <PlainValue K, PlainValue V>
  Result<void> update(const K& key, const V& value, Update flag = Update::any) const {
    return update(std::as_bytes(std::span(&key, 1)), std::as_bytes(std::span(&value, 1)), flag);
  }
  template <PlainValue K>
  Result<void> update(const K& key, const Map& inner, Update flag = Update::any) const {
    return update(std::as_bytes(std::span(&key, 1)), inner, flag);
  }
  template <PlainValue K>
  Result<void> erase(const K& key) const {
    return erase(std::as_bytes(std::span(&key, 1)));
  }

  /// For the library's own rooms: the live map behind this handle, and a handle to a live map.
  [[nodiscard]] const std::shared_ptr<maps::MapStorage>& storage() const;
  [[nodiscard]] static Map wrap(std::shared_ptr<maps::MapStorage> storage);

  friend bool operator==(const Map& a, const Map& b) { return a.storage() == b.storage(); }

 private:
  struct User;  // counts the application's references: when the last goes, a program array forgets its programs
  explicit Map(std::shared_ptr<const User> user) : user_(std::move(user)) {}
  [[nodiscard]] Error wrong_value_size(std::size_t seen) const;

  std::shared_ptr<const User> user_;
};

}  // namespace skep
