// skep::Map: the application's handle. Checks sizes and access rights here, so that every kind sees well-formed calls
// only.
#include <fmt/format.h>

#include <optional>
#include <utility>

#include "maps/map_of_maps.hpp"
#include "maps/map_storage.hpp"
#include "maps/update_flags.hpp"

namespace skep {

struct Map::User {
  explicit User(std::shared_ptr<maps::MapStorage> live) : storage(std::move(live)) { storage->add_user(); }
  User(const User&) = delete;
  User& operator=(const User&) = delete;
  ~User() { storage->drop_user(); }

  std::shared_ptr<maps::MapStorage> storage;
};

namespace {

using maps::MapStorage;

struct Refusal {
  int sys;
  ErrorCode code;
  std::string_view what;
};

// What each errno means to the caller of a map operation.
constexpr Refusal kRefusals[] = {
    {ENOENT, ErrorCode::not_found, "no such key"},
    {EEXIST, ErrorCode::exists, "the key is there already"},
    {E2BIG, ErrorCode::limit, "the map is full, or the index is past its end"},
    {EPERM, ErrorCode::invalid, "the map's flags, or that it is frozen, forbid this"},
    {EINVAL, ErrorCode::invalid, "this kind of map does not allow the operation with these arguments"},
    {EOVERFLOW, ErrorCode::limit, "the value is larger than this kind of map allows"},
    {maps::kNotSupported, ErrorCode::unsupported, "this kind of map has no such operation"},
    {ENOMEM, ErrorCode::limit, "no memory"},
    {ENOSPC, ErrorCode::limit, "the map is full"},
    {EOPNOTSUPP, ErrorCode::unsupported, "this kind of map has no such operation"},
};

tl::unexpected<Error> refuse(const MapStorage& map, int error) {
  const auto where = fmt::format("map {}", map.spec().name);
  for (const Refusal& refusal : kRefusals) {
    if (refusal.sys == -error) return fail(refusal.code, where, std::string(refusal.what), refusal.sys);
  }
  return fail(ErrorCode::invalid, where, fmt::format("refused with errno {}", -error), -error);
}

Result<void> outcome(const MapStorage& map, int error) {
  if (error != 0) return refuse(map, error);
  return {};
}

bool host_may_read(const MapStorage& map) { return (map.spec().flags & map_flag::wronly) == 0; }
bool host_may_write(const MapStorage& map) { return (map.spec().flags & map_flag::rdonly) == 0 && !map.frozen(); }

// Nothing when `seen` bytes are what the map needs.
std::optional<Error> wrong_size(const MapStorage& map, std::string_view what, std::size_t seen, std::size_t needed) {
  if (seen == needed) return std::nullopt;
  return Error{.code = ErrorCode::invalid,
               .where = fmt::format("map {}", map.spec().name),
               .what = fmt::format("{} of {} bytes, needs {}", what, seen, needed),
               .sys = EINVAL};
}

int write_checked(MapStorage& map, const std::byte* key, const std::byte* value, Update flag) {
  const auto flags = static_cast<std::uint64_t>(flag);
  if (!host_may_write(map)) return -EPERM;
  return (flags & maps::kLockFlag) != 0 ? -EINVAL : map.write(key, value, flags);
}

int remove_checked(MapStorage& map, const std::byte* key) { return host_may_write(map) ? map.remove(key) : -EPERM; }

}  // namespace

Result<Map> Map::create(const MapSpec& spec, unsigned cpus) {
  auto storage = maps::create(spec, {.cpus = cpus});
  if (!storage) return fail(std::move(storage).error());
  return wrap(std::move(*storage));
}

Map Map::wrap(std::shared_ptr<maps::MapStorage> storage) {
  return Map(std::make_shared<const User>(std::move(storage)));
}

const std::shared_ptr<maps::MapStorage>& Map::storage() const { return user_->storage; }
const MapSpec& Map::spec() const { return storage()->spec(); }
std::uint32_t Map::id() const { return storage()->id(); }
bool Map::per_cpu() const { return storage()->per_cpu(); }
unsigned Map::cpus() const { return storage()->cpus(); }
std::size_t Map::host_value_size() const { return storage()->host_value_size(); }

Result<std::vector<std::byte>> Map::lookup(std::span<const std::byte> key) const {
  MapStorage& map = *storage();
  if (auto error = wrong_size(map, "key", key.size(), spec().key_size)) return fail(std::move(*error));
  if (!host_may_read(map)) return refuse(map, -EPERM);
  std::vector<std::byte> value(host_value_size());
  if (const int error = map.read(key.data(), value.data())) return refuse(map, error);
  return value;
}

Result<void> Map::update(std::span<const std::byte> key, std::span<const std::byte> value, Update flag) const {
  MapStorage& map = *storage();
  if (auto error = wrong_size(map, "key", key.size(), spec().key_size)) return fail(std::move(*error));
  if (auto error = wrong_size(map, "value", value.size(), host_value_size())) return fail(std::move(*error));
  return outcome(map, write_checked(map, key.data(), value.data(), flag));
}

Result<void> Map::update(std::span<const std::byte> key, const Map& inner, Update flag) const {
  MapStorage& map = *storage();
  if (auto error = wrong_size(map, "key", key.size(), spec().key_size)) return fail(std::move(*error));
  maps::MapOfMaps* outer = map.map_of_maps();
  if (outer == nullptr)
    return fail(ErrorCode::invalid, fmt::format("map {}", name()), "holds no maps, its type is another", EINVAL);
  if (!host_may_write(map)) return refuse(map, -EPERM);
  return outcome(map, outer->put(key.data(), inner.storage(), static_cast<std::uint64_t>(flag)));
}

Result<void> Map::erase(std::span<const std::byte> key) const {
  MapStorage& map = *storage();
  if (auto error = wrong_size(map, "key", key.size(), spec().key_size)) return fail(std::move(*error));
  return outcome(map, remove_checked(map, key.data()));
}

Result<std::vector<std::byte>> Map::pop() const {
  MapStorage& map = *storage();
  if (!host_may_read(map) || !host_may_write(map)) return refuse(map, -EPERM);
  std::vector<std::byte> value(host_value_size());
  if (const int error = map.pop(value.data())) return refuse(map, error);
  return value;
}

Result<bool> Map::contains(std::span<const std::byte> value) const {
  MapStorage& map = *storage();
  if (spec().type != MapType::bloom_filter) return refuse(map, -maps::kNotSupported);
  if (auto error = wrong_size(map, "value", value.size(), spec().value_size)) return fail(std::move(*error));
  if (!host_may_read(map)) return refuse(map, -EPERM);
  std::vector<std::byte> asked(value.begin(), value.end());
  const int error = map.peek(asked.data());
  if (error != 0 && error != -ENOENT) return refuse(map, error);
  return error == 0;
}

Result<void> Map::freeze() const {
  MapStorage& map = *storage();
  return outcome(map, host_may_write(map) ? map.freeze() : -EPERM);
}

Result<std::optional<std::vector<std::byte>>> Map::next_key(std::span<const std::byte> key) const {
  MapStorage& map = *storage();
  if (!key.empty()) {
    if (auto error = wrong_size(map, "key", key.size(), spec().key_size)) return fail(std::move(*error));
  }
  if (!host_may_read(map)) return refuse(map, -EPERM);
  std::vector<std::byte> next(spec().key_size);
  const int error = map.next_key(key.empty() ? nullptr : key.data(), next.data());
  if (error == -ENOENT) return std::nullopt;
  if (error != 0) return refuse(map, error);
  return next;
}

std::size_t Map::for_each(
    const std::function<bool(std::span<const std::byte> key, std::span<const std::byte> value)>& visit) const {
  MapStorage& map = *storage();
  if (!host_may_read(map)) return 0;
  std::vector<std::byte> value(host_value_size());
  std::size_t visits = 0;
  map.for_each_key([&](const std::byte* key) {
    if (map.read(key, value.data()) != 0) return true;  // an empty slot, or removed meanwhile
    ++visits;
    return visit(std::span(key, spec().key_size), value);
  });
  return visits;
}

Result<std::vector<std::byte>> Map::lookup_batch(std::span<const std::byte> keys) const {
  MapStorage& map = *storage();
  const std::size_t key_size = spec().key_size;
  if (!host_may_read(map)) return refuse(map, -EPERM);
  if (key_size == 0) return refuse(map, -maps::kNotSupported);
  const std::size_t count = keys.size() / key_size;
  if (auto error = wrong_size(map, "keys", keys.size(), count * key_size)) return fail(std::move(*error));
  std::vector<std::byte> values(count * host_value_size());
  for (std::size_t i = 0; i < count; ++i) {
    const int error = map.read(keys.data() + i * key_size, values.data() + i * host_value_size());
    if (error != 0) return refuse(map, error);
  }
  return values;
}

Map::BatchResult Map::update_batch(std::span<const std::byte> keys, std::span<const std::byte> values,
                                   Update flag) const {
  MapStorage& map = *storage();
  const std::size_t key_size = spec().key_size;
  if (key_size == 0) return {.done = 0, .sys = maps::kNotSupported};
  const std::size_t count = keys.size() / key_size;
  if (keys.size() != count * key_size || values.size() != count * host_value_size()) return {.done = 0, .sys = EINVAL};
  for (std::size_t i = 0; i < count; ++i) {
    const int error = write_checked(map, keys.data() + i * key_size, values.data() + i * host_value_size(), flag);
    if (error != 0) return {.done = i, .sys = -error};
  }
  return {.done = count, .sys = 0};
}

Map::BatchResult Map::erase_batch(std::span<const std::byte> keys) const {
  MapStorage& map = *storage();
  const std::size_t key_size = spec().key_size;
  if (key_size == 0) return {.done = 0, .sys = maps::kNotSupported};
  const std::size_t count = keys.size() / key_size;
  if (keys.size() != count * key_size) return {.done = 0, .sys = EINVAL};
  for (std::size_t i = 0; i < count; ++i) {
    if (const int error = remove_checked(map, keys.data() + i * key_size)) return {.done = i, .sys = -error};
  }
  return {.done = count, .sys = 0};
}

Error Map::wrong_value_size(std::size_t seen) const {
  return Error{.code = ErrorCode::invalid,
               .where = fmt::format("map {}", name()),
               .what = fmt::format("a value of {} bytes was asked for, the map's has {}", seen, spec().value_size),
               .sys = EINVAL};
}

}  // namespace skep
