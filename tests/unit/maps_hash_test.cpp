// Hash maps beyond what the kernel can be asked from outside: the program's side, slots, pointers, seeds.
#include <doctest/doctest.h>

#include <algorithm>
#include <array>
#include <set>
#include <vector>

#include "maps/hash_key.hpp"
#include "maps/map_storage.hpp"

namespace skep {
namespace {

using Storage = std::shared_ptr<maps::MapStorage>;

Storage make(MapType type, std::uint32_t key_size, std::uint32_t value_size, std::uint32_t max_entries,
             std::uint32_t flags = 0, unsigned cpus = 3) {
  MapSpec spec;
  spec.name = "hash";
  spec.type = type;
  spec.key_size = key_size;
  spec.value_size = value_size;
  spec.max_entries = max_entries;
  spec.flags = flags;
  auto map = maps::create(spec, {.cpus = cpus});
  REQUIRE(map);
  return *map;
}

template <class T>
const std::byte* bytes_of(const T& value) {
  return reinterpret_cast<const std::byte*>(&value);
}

std::uint64_t value_at(const std::byte* at) {
  std::uint64_t value;
  std::memcpy(&value, at, sizeof value);
  return value;
}

int put(maps::MapStorage& map, std::uint64_t key, std::uint64_t value, std::uint64_t flags = 0, unsigned cpu = 0) {
  return map.update(bytes_of(key), bytes_of(value), flags, cpu);
}

std::vector<std::uint64_t> keys_in_order(maps::MapStorage& map) {
  std::vector<std::uint64_t> keys;
  map.for_each_key([&](const std::byte* key) {
    keys.push_back(value_at(key));
    return true;
  });
  return keys;
}

bool in_one_value(std::span<const maps::ValueArea> areas, const std::byte* at, std::uint64_t size) {
  for (const auto& area : areas) {
    if (at < area.base || at >= area.base + area.bytes) continue;
    const auto off = static_cast<std::uint64_t>(at - area.base) % area.stride;
    return off + size <= area.value_size;
  }
  return false;
}

}  // namespace

TEST_CASE("an update leaves the old value to those who hold a pointer to it") {
  const auto map = make(MapType::hash, 8, 8, 1);
  REQUIRE(put(*map, 7, 100) == 0);
  const std::byte* old = map->lookup(bytes_of(std::uint64_t{7}), 0);
  REQUIRE(put(*map, 7, 200) == 0);
  const std::byte* now = map->lookup(bytes_of(std::uint64_t{7}), 0);
  CHECK(now != old);
  CHECK(value_at(old) == 100);
  CHECK(value_at(now) == 200);
}

TEST_CASE("a full map still replaces, and takes a new key as soon as one has gone") {
  const auto map = make(MapType::hash, 8, 8, 100);
  for (std::uint64_t round = 0; round < 50; ++round) {
    for (std::uint64_t key = 0; key < 100; ++key) REQUIRE(put(*map, round * 100 + key, key) == 0);
    CHECK(put(*map, 999999, 1) == -E2BIG);
    for (std::uint64_t key = 0; key < 100; ++key) CHECK(put(*map, round * 100 + key, key + 1) == 0);
    for (std::uint64_t key = 0; key < 100; ++key) {
      const std::uint64_t name = round * 100 + key;
      const std::byte* found = map->lookup(bytes_of(name), 0);
      REQUIRE(found != nullptr);
      CHECK(value_at(found) == key + 1);
      CHECK(map->erase(bytes_of(name)) == 0);
      CHECK(map->lookup(bytes_of(name), 0) == nullptr);
      CHECK(map->erase(bytes_of(name)) == -ENOENT);
    }
  }
}

TEST_CASE("every value pointer lies whole inside one value of the map's area and on 8 bytes") {
  for (const MapType type : {MapType::hash, MapType::percpu_hash, MapType::array, MapType::percpu_array}) {
    CAPTURE(name_of(type));
    const auto map = make(type, 4, 13, 37);
    const std::array<std::byte, 13> value{};
    for (std::uint32_t key = 0; key < 37; ++key) {
      for (unsigned again = 0; again < 2; ++again) REQUIRE(map->update(bytes_of(key), value.data(), 0, 1) == 0);
      for (unsigned cpu = 0; cpu < 3; ++cpu) {
        const std::byte* at = map->lookup(bytes_of(key), cpu);
        CHECK(in_one_value(map->value_areas(), at, 13));
        CHECK(reinterpret_cast<std::uintptr_t>(at) % 8 == 0);
      }
    }
  }
}

TEST_CASE("a program that adds a key to a per-CPU hash sets its own value and zeroes those of the other CPUs") {
  const auto map = make(MapType::percpu_hash, 8, 8, 1);
  std::array<std::uint64_t, 3> all{11, 12, 13};
  const std::uint64_t first = 1;
  REQUIRE(map->write(bytes_of(first), bytes_of(all), 0) == 0);
  REQUIRE(map->erase(bytes_of(first)) == 0);
  REQUIRE(put(*map, 2, 77, 0, 1) == 0);
  REQUIRE(map->read(bytes_of(std::uint64_t{2}), reinterpret_cast<std::byte*>(&all)) == 0);
  CHECK(all == std::array<std::uint64_t, 3>{0, 77, 0});
  // Changing the key that is there leaves the others alone, and the pointer too.
  const std::byte* before = map->lookup(bytes_of(std::uint64_t{2}), 2);
  REQUIRE(put(*map, 2, 78, 0, 2) == 0);
  CHECK(map->lookup(bytes_of(std::uint64_t{2}), 2) == before);
  REQUIRE(map->read(bytes_of(std::uint64_t{2}), reinterpret_cast<std::byte*>(&all)) == 0);
  CHECK(all == std::array<std::uint64_t, 3>{0, 77, 78});
}

TEST_CASE("programs may not write to a map that is read-only for them, the application may") {
  const auto map = make(MapType::hash, 8, 8, 4, map_flag::rdonly_prog);
  CHECK(put(*map, 1, 1) == -EPERM);
  CHECK(map->erase(bytes_of(std::uint64_t{1})) == -EPERM);
  CHECK(map->write(bytes_of(std::uint64_t{1}), bytes_of(std::uint64_t{5}), 0) == 0);
  CHECK(map->lookup(bytes_of(std::uint64_t{1}), 0) != nullptr);
  CHECK_FALSE(map->value_areas()[0].writable);
  CHECK(map->value_areas()[0].readable);
}

TEST_CASE("a visit sees every key once, may write values and may remove the key it is at") {
  const auto map = make(MapType::hash, 8, 8, 500);
  for (std::uint64_t key = 0; key < 500; ++key) REQUIRE(put(*map, key, 0) == 0);
  std::set<std::uint64_t> seen;
  const auto visits = map->visit(0, [&](const std::byte* key, std::byte* value) {
    seen.insert(value_at(key));
    std::memcpy(value, key, 8);
    if (value_at(key) % 2 == 1) map->erase(key);
    return true;
  });
  CHECK(visits == 500);
  CHECK(seen.size() == 500);
  CHECK(keys_in_order(*map).size() == 250);
  for (std::uint64_t key = 0; key < 500; key += 2) CHECK(value_at(map->lookup(bytes_of(key), 0)) == key);
  CHECK(map->visit(0, [](const std::byte*, std::byte*) { return false; }) == 1);
}

TEST_CASE("two maps order the same keys differently, unless they ask for the zero seed") {
  const auto order = [](std::uint32_t flags) {
    const auto map = make(MapType::hash, 8, 8, 64, flags);
    for (std::uint64_t key = 0; key < 64; ++key) put(*map, key, key);
    return keys_in_order(*map);
  };
  CHECK(order(0) != order(0));
  CHECK(order(map_flag::zero_seed) == order(map_flag::zero_seed));
}

TEST_CASE("keys that share all but a few bits spread evenly over the buckets") {
  // n keys thrown into n buckets collide n/2 times, give or take sqrt(n/2) = 45: n is forty of these away.
  constexpr std::size_t kKeys = 4096;
  for (const std::size_t step : {std::size_t{1}, std::size_t{4096}, std::size_t{1} << 32, std::size_t{1} << 52}) {
    CAPTURE(step);
    const auto seed = maps::HashSeed::make(false);
    REQUIRE(seed);
    std::vector<unsigned> buckets(kKeys);
    std::size_t collisions = 0;
    for (std::size_t i = 0; i < kKeys; ++i) {
      const std::uint64_t key = i * step;
      collisions += buckets[maps::FixedKey<8>(bytes_of(key), 8).hash(*seed) >> 52]++;
    }
    CHECK(collisions < kKeys);
  }
}

TEST_CASE("every byte of a long key takes part in its hash") {
  const auto seed = maps::HashSeed::make(true);
  REQUIRE(seed);
  for (const std::uint32_t size : {1u, 2u, 3u, 5u, 6u, 7u, 9u, 12u, 15u, 20u, 128u, 129u, 300u}) {
    CAPTURE(size);
    std::vector<std::byte> key(size);
    std::set<std::uint64_t> hashes{maps::AnyKey(key.data(), size).hash(*seed)};
    for (auto& byte : key) {
      byte = std::byte{1};
      hashes.insert(maps::AnyKey(key.data(), size).hash(*seed));
      byte = std::byte{0};
    }
    CHECK(hashes.size() == size + 1);
    // What follows the key in memory does not.
    std::vector<std::byte> longer(size + 16, std::byte{0xff});
    std::copy(key.begin(), key.end(), longer.begin() + 8);
    CHECK(maps::AnyKey(longer.data() + 8, size).hash(*seed) == maps::AnyKey(key.data(), size).hash(*seed));
  }
}

TEST_CASE("next_key reaches every key from the first, and starts over after a key that is gone") {
  for (const std::uint32_t key_size : {8u, 11u, 16u}) {
    const auto map = make(MapType::hash, key_size, 8, 300);
    for (std::uint64_t i = 0; i < 300; ++i) {
      std::vector<std::byte> key(key_size);
      std::memcpy(key.data() + key_size - 8, &i, 8);
      REQUIRE(map->update(key.data(), bytes_of(i), 0, 0) == 0);
    }
    std::set<std::uint64_t> seen;
    std::vector<std::byte> key(key_size);
    for (int error = map->next_key(nullptr, key.data()); error == 0; error = map->next_key(key.data(), key.data()))
      seen.insert(value_at(key.data() + key_size - 8));
    CHECK(seen.size() == 300);
    std::vector<std::byte> first(key_size);
    std::vector<std::byte> again(key_size);
    REQUIRE(map->next_key(nullptr, first.data()) == 0);
    const std::vector<std::byte> absent(key_size, std::byte{0xee});
    REQUIRE(map->next_key(absent.data(), again.data()) == 0);
    CHECK(first == again);
  }
}

}  // namespace skep
