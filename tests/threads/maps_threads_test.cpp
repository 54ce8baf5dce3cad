// Maps under several threads: what is found belongs to its key, nothing is lost, every record arrives once and in
// order.
#include <doctest/doctest.h>
#include <skep/ring_buffer.hpp>

#include <array>
#include <atomic>
#include <chrono>
#include <random>
#include <thread>
#include <vector>

#include "maps/hash_table.hpp"
#include "maps/map_of_maps.hpp"
#include "maps/map_storage.hpp"
#include "maps/prog_array.hpp"
#include "maps/ringbuf.hpp"

namespace skep {
namespace {

MapSpec spec_of(MapType type, std::uint32_t key_size, std::uint32_t value_size, std::uint32_t max_entries) {
  MapSpec spec;
  spec.name = "shared";
  spec.type = type;
  spec.key_size = key_size;
  spec.value_size = value_size;
  spec.max_entries = max_entries;
  return spec;
}

template <class T>
const std::byte* bytes_of(const T& value) {
  return reinterpret_cast<const std::byte*>(&value);
}

/// A value that says which key it belongs to in every word, and which update it came from.
struct Stamp {
  std::array<std::uint64_t, 6> words;
  static Stamp of(std::uint64_t key, std::uint64_t update) {
    Stamp stamp{};
    for (std::size_t i = 0; i < stamp.words.size(); ++i) stamp.words[i] = key << 32 | update;
    return stamp;
  }
  [[nodiscard]] bool belongs_to(std::uint64_t key) const {
    for (const auto word : words) {
      if (word != words[0] || word >> 32 != key) return false;
    }
    return true;
  }
};

template <class Work>
void on_threads(unsigned count, const Work& work) {
  std::vector<std::thread> threads;
  for (unsigned i = 0; i < count; ++i) threads.emplace_back([&work, i] { work(i); });
  for (auto& thread : threads) thread.join();
}

std::vector<std::byte> key_bytes(std::uint32_t key_size, std::uint64_t key) {
  std::vector<std::byte> bytes(key_size);
  std::memcpy(bytes.data(), &key, std::min<std::size_t>(key_size, 8));
  return bytes;
}

constexpr unsigned kThreads = 4;

}  // namespace

TEST_CASE("a map that evicts takes every key of every thread, and what is read is its key's own") {
  for (const std::uint32_t entries : {1u, 16u}) {
    const auto map = maps::create(spec_of(MapType::lru_hash, 8, sizeof(Stamp), entries));
    REQUIRE(map);
    std::atomic<unsigned> wrong{0};
    on_threads(kThreads, [&](unsigned thread) {
      std::mt19937 random(thread);
      for (unsigned round = 0; round < 4000; ++round) {
        const std::uint64_t key = random() % 40;
        const Stamp stamp = Stamp::of(key, round);
        Stamp seen{};
        if ((*map)->update(bytes_of(key), bytes_of(stamp), 0, 0) != 0) ++wrong;
        const std::uint64_t other = random() % 40;
        if (round % 3 == 0) (void)(*map)->lookup(bytes_of(other), 0);
        if ((*map)->read(bytes_of(other), reinterpret_cast<std::byte*>(&seen)) == 0 && !seen.belongs_to(other)) ++wrong;
        if (round % 7 == 0) (void)(*map)->erase(bytes_of(other));
      }
    });
    CHECK(wrong == 0);
    std::size_t size = 0;
    (*map)->for_each_key([&](const std::byte*) { return ++size != 0; });
    CHECK(size <= entries);
  }
}

TEST_CASE("a trie gives whole values of covering prefixes while others add and remove prefixes") {
  MapSpec spec = spec_of(MapType::lpm_trie, 8, sizeof(Stamp), 20);
  spec.flags = map_flag::no_prealloc;
  const auto map = maps::create(spec);
  REQUIRE(map);
  struct Key {
    std::uint32_t bits;
    std::uint8_t bytes[4];
  };
  // Prefix number n is n/8: the values under it say which it is; 0/0 is never removed.
  const auto prefix = [](std::uint64_t n) { return Key{n == 0 ? 0u : 8u, {static_cast<std::uint8_t>(n), 0, 0, 0}}; };
  const Stamp always = Stamp::of(0, 0);
  REQUIRE((*map)->write(bytes_of(prefix(0)), bytes_of(always), 0) == 0);
  std::atomic<unsigned> wrong{0};
  on_threads(kThreads, [&](unsigned thread) {
    std::mt19937 random(thread);
    for (unsigned round = 0; round < 6000; ++round) {
      const std::uint64_t n = 1 + random() % 30;
      const Stamp stamp = Stamp::of(n, round);
      if (thread % 2 == 0) {
        const int error = round % 2 == 0 ? (*map)->write(bytes_of(prefix(n)), bytes_of(stamp), 0)
                                         : (*map)->remove(bytes_of(prefix(n)));
        if (error != 0 && error != -ENOENT && error != -ENOSPC) ++wrong;
      } else {
        const Key address{32, {static_cast<std::uint8_t>(n), 7, 7, 7}};
        Stamp seen{};
        const int error = (*map)->read(bytes_of(address), reinterpret_cast<std::byte*>(&seen));
        if (error != 0 || !(seen.belongs_to(n) || seen.belongs_to(0))) ++wrong;
        if ((*map)->lookup(bytes_of(address), 0) == nullptr) ++wrong;
      }
    }
  });
  CHECK(wrong == 0);
}

TEST_CASE("an inner map that is looked up while others replace and remove it is alive and has its key's value") {
  for (const MapType type : {MapType::array_of_maps, MapType::hash_of_maps}) {
    const MapSpec inner = spec_of(MapType::array, 4, sizeof(Stamp), 1);
    // As in Linux, an element that is being removed takes up room until that is done: there is some for each thread.
    MapSpec spec = spec_of(type, 4, 4, 4 + kThreads);
    spec.inner = std::make_shared<const MapSpec>(inner);
    const auto map = maps::create(spec);
    REQUIRE(map);
    maps::MapOfMaps& outer = *(*map)->map_of_maps();
    std::atomic<unsigned> wrong{0};
    std::atomic<unsigned> found{0};
    on_threads(kThreads, [&](unsigned thread) {
      std::mt19937 random(thread);
      const std::uint32_t zero = 0;
      // Readers wait for the first map: the last round of a writer leaves one.
      for (unsigned round = 0; round < 2000 || (thread % 2 != 0 && found == 0); ++round) {
        const std::uint32_t key = random() % 4;
        if (thread % 2 == 0) {
          const auto made = maps::create(inner);
          const Stamp stamp = Stamp::of(key, round);
          if (!made || (*made)->write(bytes_of(zero), bytes_of(stamp), 0) != 0) ++wrong;
          if (made && outer.put(bytes_of(key), *made, 0) != 0) ++wrong;
          if (round % 4 == 0) (void)outer.remove(bytes_of(key));
        } else if (const auto held = outer.inner(bytes_of(key))) {
          Stamp seen{};
          ++found;
          if (held->read(bytes_of(zero), reinterpret_cast<std::byte*>(&seen)) != 0 || !seen.belongs_to(key)) ++wrong;
        }
      }
    });
    CHECK(wrong == 0);
    CHECK(found > 0);
  }
}

TEST_CASE("a value read while others add, replace and remove is whole and its key's own, and no slot is lost") {
  for (const std::uint32_t key_size : {4u, 8u, 16u, 21u}) {
    CAPTURE(key_size);
    constexpr std::uint32_t kEntries = 24;
    constexpr std::uint64_t kKeys = 32;
    const auto map = maps::create(spec_of(MapType::hash, key_size, sizeof(Stamp), kEntries));
    REQUIRE(map);
    maps::MapStorage& hash = **map;
    std::atomic<unsigned> wrong{0};
    std::atomic<unsigned> found{0};
    on_threads(kThreads, [&](unsigned thread) {
      std::mt19937 random(thread);
      for (std::uint64_t round = 0; round < 20000; ++round) {
        const std::uint64_t name = random() % kKeys;
        const auto key = key_bytes(key_size, name);
        Stamp stamp = Stamp::of(name, round);
        switch (random() % 4) {
          case 0:
            hash.update(key.data(), bytes_of(stamp), random() % 3, 0);
            break;
          case 1:
            hash.erase(key.data());
            break;
          case 2:
            found += hash.lookup(key.data(), 0) != nullptr;
            break;
          case 3:
            if (hash.read(key.data(), reinterpret_cast<std::byte*>(&stamp)) != 0) break;
            ++found;
            if (!stamp.belongs_to(name)) ++wrong;
            break;
        }
      }
    });
    CHECK(wrong == 0);
    CHECK(found > 1000);
    for (std::uint64_t name = 0; name < kKeys; ++name) hash.erase(key_bytes(key_size, name).data());
    for (std::uint64_t name = 0; name < kEntries; ++name)
      CHECK(hash.update(key_bytes(key_size, name).data(), bytes_of(Stamp::of(name, 0)), 0, 0) == 0);
    CHECK(hash.update(key_bytes(key_size, 99).data(), bytes_of(Stamp::of(99, 0)), 0, 0) == -E2BIG);
  }
}

TEST_CASE("a key that is only ever replaced is always found, however its neighbours come and go") {
  const auto map = maps::create(spec_of(MapType::hash, 8, 8, 8));
  REQUIRE(map);
  maps::MapStorage& hash = **map;
  constexpr std::uint64_t kStays = 1000;
  REQUIRE(hash.update(bytes_of(kStays), bytes_of(kStays), 0, 0) == 0);
  std::atomic<bool> stop{false};
  std::atomic<unsigned> missed{0};
  on_threads(kThreads, [&](unsigned thread) {
    std::mt19937 random(thread);
    if (thread == 0) {
      for (unsigned round = 0; round < 200000; ++round) missed += hash.lookup(bytes_of(kStays), 0) == nullptr;
      stop = true;
    }
    while (!stop) {
      const std::uint64_t key = random() % 7;
      if (thread == 1) hash.update(bytes_of(kStays), bytes_of(key), 0, 0);
      if (thread > 1) hash.update(bytes_of(key), bytes_of(key), 0, 0);
      if (thread > 1) hash.erase(bytes_of(key));
    }
  });
  CHECK(missed == 0);
}

TEST_CASE("a reader that is led into another chain by a slot used again still finds its key") {
  // Two long chains, and slots that go from one to the other all the time.
  struct CrowdedKey : maps::FixedKey<8> {
    CrowdedKey(const std::byte* key, std::uint32_t size) noexcept : FixedKey(key, size) { std::memcpy(&word, key, 8); }
    [[nodiscard]] std::uint64_t hash(const maps::HashSeed&) const noexcept { return word << 63; }
    std::uint64_t word = 0;
  };
  constexpr std::uint64_t kKeys = 64;
  maps::SlabLayout layout;
  auto geometry = maps::HashGeometry::plan(kKeys / 2, 8, 8, false, layout);
  geometry.bucket_bits = 1;
  const auto slab = maps::Slab::reserve(layout, 1u << 20);
  REQUIRE(slab);
  maps::HashTable<CrowdedKey> table(geometry, slab, *maps::HashSeed::make(true));
  const auto no_value = [](std::uint32_t) {};
  constexpr std::uint64_t kStays[] = {1000, 1001};
  for (const std::uint64_t& key : kStays) REQUIRE(table.store(bytes_of(key), 0, false, no_value, no_value) == 0);
  std::atomic<bool> stop{false};
  std::atomic<unsigned> missed{0};
  on_threads(kThreads, [&](unsigned thread) {
    std::mt19937 random(thread);
    if (thread == 0) {
      // Long enough for the system to stop this thread in the middle of a walk now and then.
      const auto end = std::chrono::steady_clock::now() + std::chrono::milliseconds(500);
      for (unsigned round = 0; std::chrono::steady_clock::now() < end; ++round)
        missed += table.find(bytes_of(kStays[round % 2])) == 0;
      stop = true;
    }
    while (!stop) {
      const std::uint64_t key = random() % kKeys;
      if (random() % 2 == 0)
        (void)table.store(bytes_of(key), 0, false, no_value, no_value);
      else
        (void)table.erase(bytes_of(key));
    }
  });
  CHECK(missed == 0);
}

TEST_CASE("iteration beside writers sees each key at most once, and every key that stays") {
  const Map map = *Map::create(spec_of(MapType::hash, 4, 4, 200));
  for (std::uint32_t key = 0; key < 100; ++key) REQUIRE(map.update(key, key));
  std::atomic<bool> stop{false};
  std::atomic<unsigned> bad{0};
  on_threads(3, [&](unsigned thread) {
    if (thread == 0) {
      for (unsigned round = 0; round < 300; ++round) {
        std::array<unsigned, 200> seen{};
        map.for_each([&](auto key, auto value) {
          std::uint32_t number;
          std::memcpy(&number, key.data(), 4);
          if (++seen[number] > 1 || std::memcmp(key.data(), value.data(), 4) != 0) ++bad;
          return true;
        });
        for (std::uint32_t key = 0; key < 100; ++key) bad += seen[key] == 0;
      }
      stop = true;
    }
    std::mt19937 random(thread);
    while (!stop) {
      const std::uint32_t key = random() % 200;
      if (key < 100) (void)map.update(key, key);
      if (key >= 100 && random() % 2 == 0) (void)map.update(key, key);
      if (key >= 100) (void)map.erase(key);
    }
  });
  CHECK(bad == 0);
}

TEST_CASE("per-CPU values and array values may be written and read from all threads") {
  for (const MapType type : {MapType::percpu_hash, MapType::percpu_array, MapType::array}) {
    CAPTURE(name_of(type));
    const auto map = maps::create(spec_of(type, 4, 8, 4), {.cpus = kThreads});
    REQUIRE(map);
    std::atomic<unsigned> torn{0};
    on_threads(kThreads, [&](unsigned thread) {
      std::vector<std::uint64_t> all((*map)->host_value_size() / 8);
      for (std::uint32_t round = 0; round < 5000; ++round) {
        const std::uint32_t key = round % 4;
        const std::uint64_t value = std::uint64_t{round} << 32 | round;
        if ((*map)->update(bytes_of(key), bytes_of(value), 0, thread) != 0) ++torn;
        if ((*map)->read(bytes_of(key), reinterpret_cast<std::byte*>(all.data())) != 0) ++torn;
        for (const auto word : all) torn += (word >> 32) != (word & 0xffffffff);
      }
    });
    CHECK(torn == 0);
  }
}

TEST_CASE("every record of every producer arrives once and in order") {
  MapSpec spec = spec_of(MapType::ringbuf, 0, 0, 4096);
  const Map map = *Map::create(spec);
  maps::RingBufferMap& ring = *map.storage()->ring_buffer();
  constexpr std::uint64_t kRecords = 20000;
  struct Record {
    std::uint64_t producer;
    std::uint64_t number;
  };
  std::array<std::uint64_t, kThreads> next{};
  unsigned out_of_order = 0;
  auto consumer = RingBuffer::open(map, [&](std::span<const std::byte> bytes) {
    Record record{};
    std::memcpy(&record, bytes.data(), sizeof record);
    out_of_order += bytes.size() < sizeof record || record.number != next[record.producer]++;
    return true;
  });
  REQUIRE(consumer);
  std::size_t consumed = 0;
  unsigned idle = 0;
  on_threads(kThreads + 1, [&](unsigned thread) {
    if (thread == kThreads) {
      // Sleeps until woken: a lost wake-up would cost the full time-out, and the producers cannot go on meanwhile.
      while (consumed < kThreads * kRecords && idle < 3) {
        const auto got = consumer->poll(2000);
        consumed += *got;
        idle += *got == 0;
      }
      return;
    }
    std::mt19937 random(thread);
    for (std::uint64_t number = 0; number < kRecords;) {
      std::byte* at = ring.reserve(sizeof(Record) + random() % 100);
      if (at == nullptr) {
        std::this_thread::yield();
        continue;
      }
      if (random() % 8 == 0) {
        ring.discard(at, 0);
        continue;
      }
      const Record record{.producer = thread, .number = number++};
      std::memcpy(at, &record, sizeof record);
      ring.submit(at, 0);
    }
  });
  CHECK(consumed == kThreads * kRecords);
  CHECK(out_of_order == 0);
  CHECK(idle == 0);
}

TEST_CASE("programs in an array may be replaced while others take them") {
  struct Program final : maps::TailTarget {
    explicit Program(std::atomic<int>& counter) : alive(counter) { ++alive; }
    ~Program() override { --alive; }
    [[nodiscard]] std::uint32_t id() const noexcept override { return 1; }
    [[nodiscard]] std::uint32_t kind() const noexcept override { return 6; }
    std::atomic<int>& alive;
  };
  std::atomic<int> alive{0};
  {
    const Map map = *Map::create(spec_of(MapType::prog_array, 4, 4, 2));
    maps::ProgArrayMap& array = *map.storage()->prog_array();
    on_threads(kThreads, [&](unsigned thread) {
      for (std::uint32_t round = 0; round < 5000; ++round) {
        if (thread % 2 == 0) array.set(round % 2, std::make_shared<const Program>(alive));
        if (const auto target = array.target(round % 2)) CHECK(target->id() == 1);
      }
    });
    CHECK(alive == 2);
  }
  CHECK(alive == 0);
}

}  // namespace skep
