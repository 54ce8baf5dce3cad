// Maps that evict: a full one always takes another key, and what was looked up lately stays.
#include <doctest/doctest.h>

#include <random>
#include <vector>

#include "maps/map_storage.hpp"

namespace skep {
namespace {

std::shared_ptr<maps::MapStorage> lru(MapType type, std::uint32_t entries, std::uint32_t key_size = 4) {
  const auto map = maps::create(
      {.name = "lru", .type = type, .key_size = key_size, .value_size = 8, .max_entries = entries}, {.cpus = 2});
  REQUIRE(map);
  return *map;
}

const std::byte* bytes(const std::uint64_t& value) { return reinterpret_cast<const std::byte*>(&value); }

std::size_t size_of(maps::MapStorage& map) {
  std::size_t count = 0;
  map.for_each_key([&](const std::byte*) {
    ++count;
    return true;
  });
  return count;
}

constexpr MapType kTypes[] = {MapType::lru_hash, MapType::lru_percpu_hash};

}  // namespace

TEST_CASE("a full map that evicts takes every new key and keeps its size") {
  for (const MapType type : kTypes) {
    for (const std::uint32_t entries : {1u, 2u, 7u, 100u, 1000u}) {
      const auto map = lru(type, entries);
      for (std::uint64_t key = 0; key < 5000; ++key) {
        const std::uint64_t value = key * 3;
        REQUIRE(map->update(bytes(key), bytes(value), key % 2, 1) == 0);
        const std::byte* found = map->lookup(bytes(key), 1);
        REQUIRE(found != nullptr);
        REQUIRE(std::memcmp(found, &value, sizeof value) == 0);
      }
      CHECK(size_of(*map) == entries);
    }
  }
}

TEST_CASE("keys that are looked up between evictions stay, the others go") {
  for (const MapType type : kTypes) {
    const auto map = lru(type, 64);
    for (std::uint64_t key = 0; key < 64; ++key) REQUIRE(map->update(bytes(key), bytes(key), 0, 0) == 0);
    for (std::uint64_t key = 1000; key < 3000; ++key) {
      for (std::uint64_t hot = 0; hot < 8; ++hot) REQUIRE(map->lookup(bytes(hot), 0) != nullptr);
      REQUIRE(map->update(bytes(key), bytes(key), 0, 0) == 0);
    }
    for (std::uint64_t cold = 8; cold < 64; ++cold) CHECK(map->lookup(bytes(cold), 0) == nullptr);
  }
}

TEST_CASE("updating, refusing and removing keys of a full map evicts nothing") {
  for (const MapType type : kTypes) {
    const auto map = lru(type, 32, 12);
    struct Key {
      std::uint64_t number;
      std::uint32_t rest = 7;
    };
    const auto at = [](const Key& key) { return reinterpret_cast<const std::byte*>(&key); };
    for (std::uint64_t key = 0; key < 32; ++key) REQUIRE(map->update(at({key}), bytes(key), 0, 0) == 0);
    for (unsigned round = 0; round < 10; ++round) {
      for (std::uint64_t key = 0; key < 32; ++key) {
        CHECK(map->update(at({key}), bytes(key), 0, 0) == 0);
        CHECK(map->update(at({key}), bytes(key), 1, 0) == -EEXIST);
        CHECK(map->update(at({key + 100}), bytes(key), 2, 0) == -ENOENT);
        CHECK(map->update(at({key + 100}), bytes(key), 3, 0) == -EINVAL);
      }
    }
    CHECK(size_of(*map) == 32);
    for (std::uint64_t key = 0; key < 32; ++key) CHECK(map->erase(at({key})) == 0);
    CHECK(size_of(*map) == 0);
  }
}

}  // namespace skep
