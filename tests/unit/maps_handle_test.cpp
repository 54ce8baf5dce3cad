// skep::Map: sizes are checked, errors are named, batches stop where they fail, program arrays let go.
#include <doctest/doctest.h>

#include <array>
#include <vector>

#include "maps/prog_array.hpp"

namespace skep {
namespace {

MapSpec spec_of(MapType type, std::uint32_t key_size, std::uint32_t value_size, std::uint32_t max_entries) {
  MapSpec spec;
  spec.name = "drops";
  spec.type = type;
  spec.key_size = key_size;
  spec.value_size = value_size;
  spec.max_entries = max_entries;
  return spec;
}

Map make(const MapSpec& spec, unsigned cpus = 2) {
  auto map = Map::create(spec, cpus);
  REQUIRE(map);
  return *map;
}

template <class T>
std::span<const std::byte> bytes_of(const T& values) {
  return std::as_bytes(std::span(values));
}

struct Program final : maps::TailTarget {
  explicit Program(std::uint32_t its_kind = 6) : kind_(its_kind) {}
  [[nodiscard]] std::uint32_t id() const noexcept override { return 42; }
  [[nodiscard]] std::uint32_t kind() const noexcept override { return kind_; }
  std::uint32_t kind_;
};

}  // namespace

TEST_CASE("typed operations store and fetch values, and errors carry Linux' errno") {
  const Map map = make(spec_of(MapType::hash, 4, 8, 2));
  CHECK(map.update(1u, std::uint64_t{10}));
  const auto found = map.lookup<std::uint64_t>(1u);
  REQUIRE(found);
  CHECK(*found == 10);
  const auto missing = map.lookup<std::uint64_t>(2u);
  REQUIRE(!missing);
  CHECK(missing.error().sys == ENOENT);
  CHECK(missing.error().code == ErrorCode::not_found);
  CHECK(missing.error().message() == "map drops: no such key");
  CHECK(map.update(1u, std::uint64_t{1}, Update::no_exist).error().sys == EEXIST);
  CHECK(map.update(2u, std::uint64_t{1}, Update::exist).error().sys == ENOENT);
  CHECK(map.erase(1u));
  CHECK(map.erase(1u).error().sys == ENOENT);
}

TEST_CASE("a key or value of the wrong size is refused before the map sees it") {
  const Map map = make(spec_of(MapType::hash, 4, 8, 2));
  CHECK(map.lookup<std::uint64_t>(std::uint64_t{1}).error().message() == "map drops: key of 8 bytes, needs 4");
  CHECK(map.update(1u, std::uint32_t{1}).error().message() == "map drops: value of 4 bytes, needs 8");
  REQUIRE(map.update(1u, std::uint64_t{1}));
  CHECK(map.lookup<std::uint32_t>(1u).error().sys == EINVAL);
  CHECK(map.next_key(bytes_of(std::array<std::byte, 3>{})).error().sys == EINVAL);
}

TEST_CASE("per-CPU values come out one for each CPU") {
  const Map map = make(spec_of(MapType::percpu_array, 4, 4, 1), 3);
  CHECK(map.per_cpu());
  CHECK(map.host_value_size() == 24);
  for (unsigned cpu = 0; cpu < 3; ++cpu) {
    const std::uint32_t key = 0;
    const std::uint32_t value = 5 + cpu;
    REQUIRE(map.storage()->update(reinterpret_cast<const std::byte*>(&key), reinterpret_cast<const std::byte*>(&value),
                                  0, cpu) == 0);
  }
  const auto values = map.lookup_per_cpu<std::uint32_t>(0u);
  REQUIRE(values);
  CHECK(*values == std::vector<std::uint32_t>{5, 6, 7});
}

TEST_CASE("a batch reports how far it came and why it stopped") {
  const Map map = make(spec_of(MapType::hash, 4, 4, 3));
  const std::array<std::uint32_t, 5> keys{1, 2, 3, 4, 5};
  const auto stored = map.update_batch(bytes_of(keys), bytes_of(keys));
  CHECK(stored.done == 3);
  CHECK(stored.sys == E2BIG);
  const auto values = map.lookup_batch(bytes_of(keys).first(12));
  REQUIRE(values);
  CHECK(values->size() == 12);
  CHECK(std::memcmp(values->data(), keys.data(), 12) == 0);
  CHECK(map.lookup_batch(bytes_of(keys)).error().sys == ENOENT);
  const auto removed = map.erase_batch(bytes_of(keys));
  CHECK(removed.done == 3);
  CHECK(removed.sys == ENOENT);
  CHECK(map.update_batch(bytes_of(keys), bytes_of(keys).first(4)).sys == EINVAL);
}

TEST_CASE("for_each passes by empty slots and stops when told") {
  const Map map = make(spec_of(MapType::devmap, 4, 4, 10));
  REQUIRE(map.update(3u, 7u));
  REQUIRE(map.update(8u, 9u));
  std::vector<std::uint32_t> seen;
  const auto note = [&](auto key, auto value) {
    std::uint32_t words[2];
    std::memcpy(words, key.data(), 4);
    std::memcpy(words + 1, value.data(), 4);
    seen.insert(seen.end(), words, words + 2);
    return seen.size() < 4;
  };
  CHECK(map.for_each(note) == 2);
  CHECK(seen == std::vector<std::uint32_t>{3, 7, 8, 9});
}

TEST_CASE("a program array keeps its programs alive until the application's last handle goes") {
  auto program = std::make_shared<const Program>();
  const std::weak_ptr<const Program> watch = program;
  std::shared_ptr<maps::MapStorage> used_by_a_program;
  {
    const Map map = make(spec_of(MapType::prog_array, 4, 4, 4));
    used_by_a_program = map.storage();
    const Map other = Map::wrap(map.storage());
    REQUIRE(map.storage()->prog_array()->set(2, std::move(program)) == 0);
    CHECK(map.storage()->prog_array()->set(4, nullptr) == -E2BIG);
    CHECK(*map.lookup<std::uint32_t>(2u) == 42);
    CHECK(map.lookup<std::uint32_t>(1u).error().sys == ENOENT);
    CHECK(map.storage()->prog_array()->target(2) == watch.lock());
    CHECK(map.storage()->prog_array()->target(4) == nullptr);
    CHECK(map.for_each([](auto, auto) { return true; }) == 1);
  }
  CHECK(watch.expired());
  CHECK(used_by_a_program->prog_array()->target(2) == nullptr);
}

TEST_CASE("a program in an array outlives its replacement while a reader holds it") {
  const Map map = make(spec_of(MapType::prog_array, 4, 4, 1));
  auto& array = *map.storage()->prog_array();
  REQUIRE(array.set(0, std::make_shared<const Program>()) == 0);
  const auto running = array.target(0);
  REQUIRE(array.set(0, std::make_shared<const Program>()) == 0);
  CHECK(running.use_count() == 1);
  CHECK(array.target(0) != running);
  CHECK(map.erase(0u));
  CHECK(map.erase(0u).error().sys == ENOENT);
  CHECK(map.erase(1u).error().sys == E2BIG);
}

TEST_CASE("the first program decides which kind of program an array holds") {
  const Map map = make(spec_of(MapType::prog_array, 4, 4, 2));
  maps::ProgArrayMap& array = *map.storage()->prog_array();
  REQUIRE(array.set(0, std::make_shared<const Program>(6)) == 0);
  CHECK(array.set(1, std::make_shared<const Program>(1)) == -EINVAL);
  CHECK(array.target(1) == nullptr);
  CHECK(array.set(0, nullptr) == 0);
  CHECK(array.set(1, std::make_shared<const Program>(1)) == -EINVAL);
  CHECK(array.set(1, std::make_shared<const Program>(6)) == 0);
}

}  // namespace skep
