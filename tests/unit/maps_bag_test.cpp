// Maps without keys, and perf buffers: Bloom filters, queues as the application sees them, what a consumer is given.
#include <doctest/doctest.h>

#include <skep/perf_buffer.hpp>

#include <poll.h>

#include <atomic>
#include <string>
#include <thread>
#include <vector>

#include "maps/perf_array.hpp"
#include "support/kernel_map.hpp"

namespace skep {
namespace {

/// Filters hash with the same numbers in every run.
Map bag(MapType type, std::uint32_t value_size, std::uint32_t entries, std::uint64_t extra = 0) {
  const auto map = Map::create({.name = "bag",
                                .type = type,
                                .key_size = 0,
                                .value_size = value_size,
                                .max_entries = entries,
                                .flags = type == MapType::bloom_filter ? map_flag::zero_seed : 0,
                                .map_extra = extra});
  REQUIRE(map);
  return *map;
}

std::span<const std::byte> bytes_of(const std::uint64_t& value) { return std::as_bytes(std::span(&value, 1)); }

Map perf_map(std::uint32_t entries, unsigned cpus) {
  const auto map = Map::create(
      {.name = "events", .type = MapType::perf_event_array, .key_size = 4, .value_size = 4, .max_entries = entries},
      cpus);
  REQUIRE(map);
  return *map;
}

/// What the helper does once it has found the ring.
int emit(const Map& map, std::uint32_t cpu, std::string_view text) {
  const auto ring = map.storage()->perf_array()->ring(cpu);
  if (ring == nullptr) return -ENOENT;
  const std::span<const std::byte> part = std::as_bytes(std::span(text));
  return ring->output({&part, 1});
}

}  // namespace

TEST_CASE("a Bloom filter never denies a value that was pushed, and denies most others") {
  for (const std::uint64_t hashes : {0u, 1u, 5u, 15u}) {
    const Map map = bag(MapType::bloom_filter, 8, 1000, hashes);
    for (std::uint64_t value = 0; value < 1000; ++value) REQUIRE(map.update({}, bytes_of(value)));
    unsigned wrong = 0;
    for (std::uint64_t value = 0; value < 1000; ++value) REQUIRE(*map.contains(bytes_of(value)));
    for (std::uint64_t value = 1000; value < 11000; ++value) wrong += *map.contains(bytes_of(value)) ? 1 : 0;
    // One hash in 2,048 bits lets 39 % through; a value far above says that the bits are badly spread.
    CHECK(wrong < (hashes == 1 ? 5500 : 2000));
    CHECK(map.update({}, bytes_of(1), Update::no_exist).error().sys == EINVAL);
    CHECK(map.erase(std::span<const std::byte>()).error().sys == EOPNOTSUPP);
    CHECK(map.next_key({}).error().sys == EOPNOTSUPP);
    CHECK(map.pop().error().sys == EOPNOTSUPP);
  }
}

TEST_CASE("a Bloom filter refuses what the kernel's refuses") {
  if (const auto reason = kernel::unavailable()) {
    MESSAGE("SKIP: " << *reason);
    return;
  }
  const Map ours = bag(MapType::bloom_filter, 8, 10);
  const kernel::KernelMap theirs(ours.spec());
  REQUIRE(theirs.error() == 0);
  const std::uint64_t value = 5;
  const auto* value_bytes = bytes_of(value).data();
  for (std::uint64_t flags = 0; flags < 4; ++flags) {
    const auto pushed = ours.update({}, bytes_of(value), static_cast<Update>(flags));
    CHECK((pushed ? 0 : -pushed.error().sys) == theirs.update(nullptr, value_bytes, flags));
  }
  const auto erased = ours.erase(std::span<const std::byte>());
  CHECK(-erased.error().sys == theirs.erase(nullptr));
}

TEST_CASE("records reach the consumer by CPU, whole and in order; without a consumer there is nowhere to write") {
  const Map map = perf_map(4, 2);
  CHECK(emit(map, 0, "early") == -ENOENT);
  std::vector<std::string> seen;
  std::vector<std::uint64_t> lost(4);
  PerfBuffer::Options options{.bytes_per_cpu = 4096};
  options.lost = [&](unsigned cpu, std::uint64_t count) { lost.at(cpu) += count; };
  {
    auto buffer = PerfBuffer::open(
        map,
        [&](unsigned cpu, std::span<const std::byte> record) {
          seen.push_back(std::to_string(cpu) +
                         std::string(reinterpret_cast<const char*>(record.data()), record.size()));
          return seen.back() != "1stop";
        },
        options);
    REQUIRE(buffer);
    CHECK(PerfBuffer::open(map, {}).error().sys == EEXIST);
    CHECK(*buffer->poll(0) == 0);
    CHECK(emit(map, 0, "a") == 0);
    CHECK(emit(map, 1, "stop") == 0);
    CHECK(emit(map, 1, "after") == 0);
    CHECK(emit(map, 0, "") == 0);
    CHECK(emit(map, 2, "x") == -ENOENT);  // no such CPU
    pollfd waiting{.fd = buffer->epoll_fd(), .events = POLLIN, .revents = 0};
    CHECK(::poll(&waiting, 1, 0) == 1);
    CHECK(*buffer->poll(-1) == 3);
    CHECK(seen == std::vector<std::string>{"0a", "0", "1stop"});
    CHECK(::poll(&waiting, 1, 0) == 1);
    CHECK(buffer->consume() == 1);
    CHECK(seen.back() == "1after");
    CHECK(::poll(&waiting, 1, 0) == 0);
    const std::string kilobyte(1000, 'k');
    for (int i = 0; i < 4; ++i) CHECK(emit(map, 0, kilobyte) == 0);
    CHECK(emit(map, 0, kilobyte) == -ENOSPC);
    CHECK(emit(map, 0, kilobyte) == -ENOSPC);
    CHECK(buffer->consume() == 4);
    CHECK(lost[0] == 2);
    CHECK(seen.back() == "0" + kilobyte);
    for (int i = 0; i < 100; ++i) {  // across the ring's end, at every offset
      CHECK(emit(map, 1, kilobyte.substr(0, 8 * static_cast<std::size_t>(i))) == 0);
      CHECK(buffer->consume() == 1);
      CHECK(seen.back().size() == 1 + 8 * static_cast<std::size_t>(i));
    }
  }
  CHECK(emit(map, 0, "late") == -ENOENT);
  CHECK(PerfBuffer::open(map, {}, {.bytes_per_cpu = 5000}).error().sys == EINVAL);
  CHECK(PerfBuffer::open(bag(MapType::queue, 4, 1), {}).error().sys == EINVAL);
}

TEST_CASE("while two CPUs write, each record is seen or counted as lost") {
  const Map map = perf_map(2, 2);
  constexpr unsigned kEach = 20000;
  std::uint64_t seen = 0;
  std::uint64_t lost = 0;
  PerfBuffer::Options options{.bytes_per_cpu = 16384};
  options.lost = [&](unsigned, std::uint64_t count) { lost += count; };
  auto buffer = PerfBuffer::open(
      map,
      [&](unsigned, std::span<const std::byte> record) {
        CHECK(record.size() == 5);
        ++seen;
        return true;
      },
      options);
  REQUIRE(buffer);
  std::atomic<unsigned> finished{0};
  const auto produce = [&](std::uint32_t cpu) {
    for (unsigned i = 0; i < kEach; ++i) (void)emit(map, cpu, "hello");
    ++finished;
  };
  std::thread first(produce, 0);
  std::thread second(produce, 1);
  while (finished < 2) REQUIRE(buffer->poll(20));
  first.join();
  second.join();
  buffer->consume();
  CHECK(seen + lost == 2 * kEach);
}

}  // namespace skep
