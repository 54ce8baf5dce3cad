// Longest-prefix-match tries against the running kernel's: every outcome, every match, the order of keys.
#include <doctest/doctest.h>

#include <algorithm>
#include <random>
#include <vector>

#include "maps/map_storage.hpp"
#include "support/kernel_map.hpp"

namespace skep {
namespace {

using Bytes = std::vector<std::byte>;

MapSpec trie(std::uint32_t data_bytes, std::uint32_t value_size, std::uint32_t entries) {
  return {.name = "trie",
          .type = MapType::lpm_trie,
          .key_size = 4 + data_bytes,
          .value_size = value_size,
          .max_entries = entries,
          .flags = map_flag::no_prealloc};
}

template <class T>
int sys(const Result<T>& result) {
  return result ? 0 : -result.error().sys;
}

/// A prefix of few different bytes, so that prefixes cover each other; now and then one that is too long.
Bytes random_key(std::mt19937& random, std::uint32_t data_bytes) {
  Bytes key(4 + data_bytes);
  const std::uint32_t bits = random() % 32 == 0  ? data_bytes * 8 + 1 + random() % 3
                             : random() % 4 == 0 ? data_bytes * 8
                                                 : random() % (std::min(data_bytes * 8, 24u) + 1);
  std::memcpy(key.data(), &bits, sizeof bits);
  for (std::size_t i = 4; i < key.size(); ++i) {
    constexpr std::uint8_t kBytes[] = {0x00, 0x80, 0xff, 0x81};
    key[i] = static_cast<std::byte>(kBytes[random() % (i < 6 ? 4 : 2)]);
  }
  return key;
}

}  // namespace

TEST_CASE("any sequence of operations on a trie has the outcome, the matches and the order of the kernel's") {
  if (const auto reason = kernel::unavailable_or_older()) {
    MESSAGE("SKIP: " << *reason);
    return;
  }
  for (const MapSpec& spec :
       {trie(1, 1, 40), trie(2, 4, 12), trie(4, 8, 60), trie(9, 13, 30), trie(16, 8, 100), trie(256, 8, 20)}) {
    CAPTURE(spec.key_size);
    const kernel::KernelMap theirs(spec);
    REQUIRE(theirs.error() == 0);
    const auto ours = Map::create(spec);
    REQUIRE(ours);
    const std::uint32_t data_bytes = spec.key_size - 4;
    std::mt19937 random(5);
    unsigned matches = 0;
    for (unsigned round = 0; round < 6000; ++round) {
      const Bytes key = random_key(random, data_bytes);
      Bytes value(spec.value_size);
      for (auto& byte : value) byte = static_cast<std::byte>(random());
      switch (random() % 6) {
        case 0:
        case 1: {
          const std::uint64_t flags = random() % 3 == 0 ? random() % 4 : 0;
          CAPTURE(flags);
          REQUIRE(sys(ours->update(key, value, static_cast<Update>(flags))) ==
                  theirs.update(key.data(), value.data(), flags));
          break;
        }
        case 2:
        case 3: {
          Bytes expected(spec.value_size);
          const int error = theirs.lookup(key.data(), expected.data());
          const auto found = ours->lookup(key);
          REQUIRE(sys(found) == error);
          if (found) REQUIRE(*found == expected);
          matches += error == 0 ? 1 : 0;
          break;
        }
        case 4:
          REQUIRE(sys(ours->erase(key)) == theirs.erase(key.data()));
          break;
        case 5: {
          Bytes expected(spec.key_size);
          const int error = theirs.next_key(round % 5 == 0 ? nullptr : key.data(), expected.data());
          const auto next = round % 5 == 0 ? ours->next_key({}) : ours->next_key(key);
          REQUIRE(next);
          REQUIRE((*next ? 0 : -ENOENT) == error);
          if (*next) REQUIRE(**next == expected);
          break;
        }
      }
    }
    CHECK(matches > 100);
    std::vector<Bytes> keys;
    Bytes at(spec.key_size);
    for (int error = theirs.next_key(nullptr, at.data()); error == 0; error = theirs.next_key(at.data(), at.data()))
      keys.push_back(at);
    std::size_t seen = 0;
    for (auto key = ours->next_key({}); key && *key; key = ours->next_key(**key)) {
      REQUIRE(seen < keys.size());
      CHECK(**key == keys[seen++]);
    }
    CHECK(seen == keys.size());
    CHECK(ours->for_each([](auto, auto) { return true; }) == keys.size());
  }
}

TEST_CASE("a trie gives the memory of what was removed to new entries, as often as one likes") {
  const auto map = Map::create(trie(4, 8, 2));
  REQUIRE(map);
  std::mt19937 random(3);
  for (unsigned round = 0; round < 20000; ++round) {
    const Bytes first = random_key(random, 4);
    const Bytes second = random_key(random, 4);
    (void)map->update(first, Bytes(8));
    (void)map->update(second, Bytes(8));
    std::size_t entries = map->for_each([](auto, auto) { return true; });
    REQUIRE(entries <= 2);
    for (auto key = map->next_key({}); key && *key; key = map->next_key({})) {
      REQUIRE(map->erase(**key));
      --entries;
    }
    REQUIRE(entries == 0);
  }
}

}  // namespace skep
