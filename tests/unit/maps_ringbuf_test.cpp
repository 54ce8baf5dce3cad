// Ring buffers: layout, room, wake-ups, positions that overflow, headers that are garbage, and the consumer.
#include <doctest/doctest.h>
#include <poll.h>
#include <skep/ring_buffer.hpp>

#include <string>
#include <vector>

#include "maps/kinds.hpp"
#include "maps/ringbuf.hpp"

namespace skep {
namespace {

constexpr std::uint32_t kSize = 4096;
constexpr std::uint64_t kNoWakeup = 1;
constexpr std::uint64_t kForceWakeup = 2;
constexpr std::uint64_t kAvailable = 0;
constexpr std::uint64_t kRingSize = 1;
constexpr std::uint64_t kConsumerPosition = 2;
constexpr std::uint64_t kProducerPosition = 3;

MapSpec ring_spec(std::uint32_t size = kSize) {
  MapSpec spec;
  spec.name = "events";
  spec.type = MapType::ringbuf;
  spec.max_entries = size;
  return spec;
}

Map make(std::uint64_t first_position = 0) {
  auto storage = maps::make_ring_buffer_at({.spec = ring_spec(), .cpus = 1, .max_bytes = 1u << 30}, first_position);
  REQUIRE(storage != nullptr);
  return Map::wrap(std::move(storage));
}

maps::RingBufferMap& ring_of(const Map& map) { return *map.storage()->ring_buffer(); }

bool readable(int fd) {
  pollfd watched{.fd = fd, .events = POLLIN, .revents = 0};
  return ::poll(&watched, 1, 0) == 1;
}

int put(maps::RingBufferMap& ring, const std::string& text, std::uint64_t flags = 0) {
  return ring.output(reinterpret_cast<const std::byte*>(text.data()), text.size(), flags);
}

std::vector<std::string> take(maps::RingBufferMap& ring) {
  std::vector<std::string> records;
  ring.consume([&](std::span<const std::byte> record) {
    records.emplace_back(reinterpret_cast<const char*>(record.data()), record.size());
    return true;
  });
  return records;
}

std::uint32_t word_at(const std::byte* at) {
  std::uint32_t word;
  std::memcpy(&word, at, sizeof word);
  return word;
}

}  // namespace

TEST_CASE("a record has Linux' header before it and takes a multiple of eight bytes") {
  const Map map = make();
  auto& ring = ring_of(map);
  std::byte* record = ring.reserve(13);
  REQUIRE(record != nullptr);
  CHECK(reinterpret_cast<std::uintptr_t>(record) % 8 == 0);
  CHECK(word_at(record - 8) == (13u | 1u << 31));
  CHECK(word_at(record - 4) == 3);
  CHECK(ring.query(kAvailable) == 24);
  CHECK(ring.query(kRingSize) == kSize);
  CHECK(ring.query(kProducerPosition) == 24);
  CHECK(ring.query(kConsumerPosition) == 0);
  CHECK(ring.query(99) == 0);
  ring.submit(record, 0);
  CHECK(word_at(record - 8) == 13);
  std::byte* dropped = ring.reserve(0);
  ring.discard(dropped, 0);
  CHECK(word_at(dropped - 8) == 1u << 30);
  CHECK(take(ring).size() == 1);
  CHECK(ring.query(kConsumerPosition) == 32);
}

TEST_CASE("records come out in the order of reservation, once all before them are committed") {
  const Map map = make();
  auto& ring = ring_of(map);
  std::byte* first = ring.reserve(8);
  std::byte* dropped = ring.reserve(8);
  std::byte* last = ring.reserve(8);
  std::memcpy(first, "first...", 8);
  std::memcpy(last, "last....", 8);
  ring.submit(last, 0);
  ring.discard(dropped, 0);
  CHECK(take(ring).empty());
  ring.submit(first, 0);
  CHECK(take(ring) == std::vector<std::string>{"first...", "last...."});
}

TEST_CASE("the largest record leaves eight bytes free, and a larger one never fits") {
  const Map map = make();
  auto& ring = ring_of(map);
  CHECK(ring.reserve(kSize - 8) == nullptr);
  CHECK(ring.reserve(kSize) == nullptr);
  CHECK(ring.reserve(0x3fffffff) == nullptr);
  CHECK(ring.reserve(~std::uint64_t{0}) == nullptr);
  const std::string largest(kSize - 16, 'x');
  for (unsigned round = 0; round < 5; ++round) {
    CHECK(put(ring, largest) == 0);
    CHECK(put(ring, "") == -EAGAIN);
    CHECK(take(ring) == std::vector<std::string>{largest});
  }
}

TEST_CASE("a ring filled to its last free byte takes no more until something is consumed") {
  const Map map = make();
  auto& ring = ring_of(map);
  const std::string text(8, 'y');
  unsigned stored = 0;
  while (put(ring, text) == 0) ++stored;
  CHECK(stored == kSize / 16 - 1);
  unsigned left = 3;
  CHECK(ring.consume([&](auto) { return --left > 0; }) == 3);
  CHECK(put(ring, text) == 0);
  CHECK(put(ring, text) == 0);
  CHECK(put(ring, text) == 0);
  CHECK(put(ring, text) == -EAGAIN);
  CHECK(take(ring).size() == stored);
}

TEST_CASE("a reservation that stays open holds the ring's room although the consumer is past nothing") {
  const Map map = make();
  auto& ring = ring_of(map);
  std::byte* open = ring.reserve(8);
  while (put(ring, "zzzzzzzz") == 0) {
  }
  CHECK(take(ring).empty());
  ring.submit(open, 0);
  CHECK(take(ring).size() == kSize / 16 - 1);
  CHECK(put(ring, "zzzzzzzz") == 0);
}

TEST_CASE("records wrap around the end in one piece") {
  const Map map = make();
  auto& ring = ring_of(map);
  std::uint64_t total = 0;
  for (unsigned length = 0; length < 3000; ++length) {
    const std::string text(length % 1000, static_cast<char>('a' + length % 26));
    REQUIRE(put(ring, text) == 0);
    REQUIRE(take(ring) == std::vector<std::string>{text});
    total += (text.size() + 8 + 7) / 8 * 8;
  }
  CHECK(ring.query(kProducerPosition) == total);
}

TEST_CASE("positions may overflow 64 bits") {
  const Map map = make(std::uint64_t{0} - 3 * kSize / 2);
  auto& ring = ring_of(map);
  for (unsigned round = 0; round < 20; ++round) {
    REQUIRE(put(ring, std::string(500, 'o')) == 0);
    std::byte* record = ring.reserve(300);
    REQUIRE(record != nullptr);
    ring.discard(record, 0);
    CHECK(ring.query(kAvailable) == 512 + 312);
    CHECK(take(ring).size() == 1);
    CHECK(ring.query(kAvailable) == 0);
  }
  CHECK(ring.query(kProducerPosition) < 20 * kSize);
}

TEST_CASE("a consumer that finds garbage for a header stays inside the ring and goes on after it") {
  for (const std::uint32_t garbage : {0x3fffffffu, 0x00001000u, 0x00000ff1u, 0x7fffffffu}) {
    CAPTURE(garbage);
    const Map map = make();
    auto& ring = ring_of(map);
    std::byte* record = ring.reserve(8);
    ring.submit(record, 0);
    REQUIRE(put(ring, "behind it") == 0);
    std::memcpy(record - 8, &garbage, sizeof garbage);
    CHECK(take(ring).empty());
    CHECK(ring.query(kAvailable) == 0);
  }
}

TEST_CASE("a consumer is woken for the record it waits for, and for others only by force") {
  const Map map = make();
  auto& ring = ring_of(map);
  const int fd = ring.event_fd();
  CHECK_FALSE(readable(fd));
  put(ring, "a", kNoWakeup);
  CHECK_FALSE(readable(fd));
  put(ring, "b");  // the consumer is still at "a"
  CHECK_FALSE(readable(fd));
  put(ring, "c", kForceWakeup);
  CHECK(readable(fd));
  CHECK(take(ring).size() == 3);
  CHECK_FALSE(readable(fd));
  put(ring, "d");  // the consumer has caught up
  CHECK(readable(fd));
  CHECK(put(ring, "e", 4) == -EINVAL);
}

TEST_CASE("a ring buffer map has no keys, in Linux' words for it") {
  const Map map = make();
  CHECK(map.lookup(std::span<const std::byte>()).error().sys == maps::kNotSupported);
  CHECK(map.update(std::span<const std::byte>(), std::span<const std::byte>()).error().sys == maps::kNotSupported);
  CHECK(map.storage()->lookup(nullptr, 0) == nullptr);
  CHECK(map.for_each([](auto, auto) { return true; }) == 0);
}

TEST_CASE("a consumer over two maps hands each record to its map's callback") {
  const Map a = make();
  const Map b = make();
  std::vector<std::string> from_a;
  std::vector<std::string> from_b;
  const auto into = [](std::vector<std::string>& list) {
    return [&list](std::span<const std::byte> record) {
      list.emplace_back(reinterpret_cast<const char*>(record.data()), record.size());
      return true;
    };
  };
  auto consumer = RingBuffer::open(a, into(from_a));
  REQUIRE(consumer);
  REQUIRE(consumer->add(b, into(from_b)));
  CHECK(*consumer->poll(0) == 0);
  CHECK_FALSE(readable(consumer->epoll_fd()));
  put(ring_of(a), "one");
  put(ring_of(b), "two");
  put(ring_of(b), "three", kNoWakeup);
  CHECK(readable(consumer->epoll_fd()));
  CHECK(*consumer->poll(-1) == 3);
  CHECK_FALSE(readable(consumer->epoll_fd()));
  CHECK(from_a == std::vector<std::string>{"one"});
  CHECK(from_b == std::vector<std::string>{"two", "three"});
  put(ring_of(a), "quiet", kNoWakeup);
  CHECK(consumer->consume() == 1);
}

TEST_CASE("polling ends after its time when nothing comes") {
  const Map map = make();
  auto consumer = RingBuffer::open(map, [](auto) { return true; });
  REQUIRE(consumer);
  CHECK(*consumer->poll(20) == 0);
}

TEST_CASE("only ring buffers can be consumed") {
  MapSpec spec = ring_spec();
  spec.type = MapType::array;
  spec.key_size = 4;
  spec.value_size = 4;
  const auto map = Map::create(spec);
  REQUIRE(map);
  const auto consumer = RingBuffer::open(*map, [](auto) { return true; });
  REQUIRE(!consumer);
  CHECK(consumer.error().sys == EINVAL);
  CHECK(consumer.error().message() == "map events: is not a ring buffer");
}

}  // namespace skep
