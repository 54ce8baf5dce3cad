// Maps of maps from the application's side, against the running kernel: which templates and which inner maps are taken,
// and what any sequence of updates and removals leaves.
#include <doctest/doctest.h>

#include <deque>
#include <random>
#include <vector>

#include "maps/map_of_maps.hpp"
#include "support/kernel_map.hpp"

namespace skep {
namespace {

MapSpec small(MapType type, std::uint32_t key_size, std::uint32_t value_size, std::uint32_t entries,
              std::uint32_t flags = 0) {
  return {.name = "inner",
          .type = type,
          .key_size = key_size,
          .value_size = value_size,
          .max_entries = entries,
          .flags = flags};
}

/// Definitions that differ in one thing each.
std::vector<MapSpec> candidates() {
  using namespace map_flag;
  return {small(MapType::array, 4, 8, 2),
          small(MapType::array, 4, 8, 3),
          small(MapType::array, 4, 16, 2),
          small(MapType::array, 4, 8, 2, inner_map),
          small(MapType::array, 4, 8, 3, inner_map),
          small(MapType::array, 4, 8, 2, rdonly_prog),
          small(MapType::array, 4, 8, 2, rdonly),
          small(MapType::array, 4, 8, 2, wronly),
          small(MapType::percpu_array, 4, 8, 2),
          small(MapType::percpu_array, 4, 8, 3),
          small(MapType::hash, 4, 8, 2),
          small(MapType::hash, 4, 8, 5),
          small(MapType::hash, 8, 8, 2),
          small(MapType::hash, 4, 8, 2, no_prealloc),
          small(MapType::percpu_hash, 4, 8, 2),
          small(MapType::prog_array, 4, 4, 2),
          small(MapType::devmap, 4, 4, 2),
          small(MapType::devmap_hash, 4, 4, 2),
          small(MapType::cpumap, 4, 4, 1),
          small(MapType::xskmap, 4, 4, 2),
          small(MapType::xskmap, 4, 4, 3),
          small(MapType::ringbuf, 0, 0, 4096),
          small(MapType::ringbuf, 0, 0, 8192)};
}

MapSpec outer_of(MapType type, const MapSpec& inner, std::uint32_t flags = 0) {
  return {.name = "outer",
          .type = type,
          .key_size = 4,
          .value_size = 4,
          .max_entries = 4,
          .flags = flags,
          .inner = std::make_shared<const MapSpec>(inner)};
}

template <class T>
int sys(const Result<T>& result) {
  return result ? 0 : -result.error().sys;
}

}  // namespace

TEST_CASE("a map of maps takes the templates and the inner maps that the kernel's takes") {
  if (const auto reason = kernel::unavailable()) {
    MESSAGE("SKIP: " << *reason);
    return;
  }
  const auto specs = candidates();
  std::deque<kernel::KernelMap> their_inner;
  std::vector<Map> our_inner;
  for (const MapSpec& spec : specs) {
    REQUIRE(their_inner.emplace_back(spec).error() == 0);
    const auto ours = Map::create(spec);
    REQUIRE(ours);
    our_inner.push_back(*ours);
  }
  unsigned taken = 0;
  for (std::size_t i = 0; i < specs.size(); ++i) {
    CAPTURE(name_of(specs[i].type));
    CAPTURE(specs[i].flags);
    const MapSpec spec = outer_of(MapType::array_of_maps, specs[i]);
    const kernel::KernelMap theirs(spec, their_inner[i].fd());
    const auto ours = Map::create(spec);
    REQUIRE(sys(ours) == theirs.error());
    if (!ours) continue;
    for (std::size_t j = 0; j < specs.size(); ++j) {
      CAPTURE(name_of(specs[j].type));
      CAPTURE(specs[j].flags);
      CAPTURE(specs[j].max_entries);
      const std::uint32_t key = 0;
      const int fd = their_inner[j].fd();
      const int error =
          theirs.update(reinterpret_cast<const std::byte*>(&key), reinterpret_cast<const std::byte*>(&fd), 0);
      CHECK(sys(ours->update(key, our_inner[j])) == error);
      taken += error == 0 ? 1 : 0;
    }
  }
  CHECK(taken > specs.size());
}

TEST_CASE("maps of maps hold no maps of maps, and refuse the flags that the kernel refuses") {
  const auto inner = small(MapType::array, 4, 8, 2);
  const auto outer = outer_of(MapType::hash_of_maps, inner);
  CHECK(Map::create(outer_of(MapType::array_of_maps, outer)).error().sys == EINVAL);
  const auto unknown = Map::create(outer_of(MapType::array_of_maps, small(MapType::task_storage, 4, 8, 0)));
  CHECK(unknown.error().code == ErrorCode::unsupported);
  const auto made = Map::create(outer);
  REQUIRE(made);
  CHECK(made->update(0u, *made).error().sys == EINVAL);
  CHECK(Map::create(inner)->update(0u, *made).error().sys == EINVAL);
  if (const auto reason = kernel::unavailable()) {
    MESSAGE("SKIP: " << *reason);
    return;
  }
  const kernel::KernelMap their_inner(inner);
  constexpr unsigned kTokenFd = 16;  // needs a descriptor that we have no field for
  for (const MapType type : {MapType::array_of_maps, MapType::hash_of_maps}) {
    for (unsigned bit = 0; bit < 32; ++bit) {
      if (bit == kTokenFd) continue;
      CAPTURE(bit);
      const MapSpec spec = outer_of(type, inner, 1u << bit);
      CHECK(sys(Map::create(spec)) == kernel::KernelMap(spec, their_inner.fd()).error());
    }
    for (const std::uint32_t value_size : {0u, 3u, 8u}) {
      MapSpec spec = outer_of(type, inner);
      spec.value_size = value_size;
      CHECK(sys(Map::create(spec)) == kernel::KernelMap(spec, their_inner.fd()).error());
    }
  }
}

TEST_CASE("any sequence of operations on a map of maps has the outcome that it has in the kernel") {
  if (const auto reason = kernel::unavailable()) {
    MESSAGE("SKIP: " << *reason);
    return;
  }
  const MapSpec inner = small(MapType::hash, 4, 8, 2);
  for (const MapType type : {MapType::array_of_maps, MapType::hash_of_maps}) {
    CAPTURE(name_of(type));
    constexpr std::size_t kInner = 3;
    std::deque<kernel::KernelMap> their_inner;
    std::vector<Map> our_inner;
    for (std::size_t i = 0; i < kInner; ++i) {
      their_inner.emplace_back(i + 1 < kInner ? inner : small(MapType::hash, 8, 8, 2));
      our_inner.push_back(*Map::create(i + 1 < kInner ? inner : small(MapType::hash, 8, 8, 2)));
    }
    const MapSpec spec = outer_of(type, inner);
    const kernel::KernelMap theirs(spec, their_inner[0].fd());
    const auto ours = Map::create(spec);
    REQUIRE(ours);
    std::mt19937 random(11);
    for (unsigned round = 0; round < 3000; ++round) {
      const std::uint32_t key = random() % 6;
      const std::size_t which = random() % kInner;
      const std::uint64_t flags = random() % 4 == 0 ? random() % 6 : 0;
      const auto* key_bytes = reinterpret_cast<const std::byte*>(&key);
      const int fd = their_inner[which].fd();
      CAPTURE(key);
      CAPTURE(which);
      CAPTURE(flags);
      switch (random() % 4) {
        case 0:
        case 1:
          CHECK(sys(ours->update(key, our_inner[which], static_cast<Update>(flags))) ==
                theirs.update(key_bytes, reinterpret_cast<const std::byte*>(&fd), flags));
          break;
        case 2:
          CHECK(sys(ours->erase(key)) == theirs.erase(key_bytes));
          break;
        case 3: {
          std::uint32_t their_id = 0;
          const int error = theirs.lookup(key_bytes, reinterpret_cast<std::byte*>(&their_id));
          const auto id = ours->lookup<std::uint32_t>(key);
          CHECK(sys(id) == error);
          if (!id || error != 0) break;
          std::size_t is = kInner;
          for (std::size_t i = 0; i < kInner; ++i)
            if (our_inner[i].id() == *id) is = i;
          REQUIRE(is < kInner);
          CHECK(their_inner[is].id() == their_id);
          break;
        }
      }
    }
    unsigned keys = 0;
    for (auto key = ours->next_key({}); key && *key; key = ours->next_key(**key)) ++keys;
    std::uint32_t at = 0;
    auto* at_bytes = reinterpret_cast<std::byte*>(&at);
    for (int error = theirs.next_key(nullptr, at_bytes); error == 0; error = theirs.next_key(at_bytes, at_bytes))
      --keys;
    CHECK(keys == 0);
    ours->freeze();
    CHECK(sys(ours->update(0u, our_inner[0])) == -EPERM);
  }
}

TEST_CASE("an inner map lives as long as something holds it, and no longer") {
  const MapSpec spec = small(MapType::array, 4, 8, 1);
  for (const MapType type : {MapType::array_of_maps, MapType::hash_of_maps}) {
    std::weak_ptr<maps::MapStorage> first;
    std::weak_ptr<maps::MapStorage> second;
    {
      const auto outer = Map::create(outer_of(type, spec));
      REQUIRE(outer);
      {
        const auto inner = Map::create(spec);
        first = inner->storage();
        REQUIRE(outer->update(1u, *inner));
      }
      CHECK_FALSE(first.expired());
      {
        const auto inner = Map::create(spec);
        second = inner->storage();
        REQUIRE(outer->update(1u, *inner));
      }
      CHECK(first.expired());
      CHECK_FALSE(second.expired());
    }
    CHECK(second.expired());
  }
}

}  // namespace skep
