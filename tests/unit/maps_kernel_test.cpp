// Random operations played on one of our maps and on a map of the running kernel: same errno, same values, same
// contents.
#include <doctest/doctest.h>

#include <algorithm>
#include <map>
#include <random>
#include <string>
#include <vector>

#include "maps/map_storage.hpp"
#include "support/kernel_map.hpp"

namespace skep {
namespace {

using Bytes = std::vector<std::byte>;
using Entries = std::map<std::string, std::string>;

std::string text(std::span<const std::byte> bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

struct Contest {
  MapType type;
  std::uint32_t key_size;
  std::uint32_t value_size;
  std::uint32_t max_entries;
  std::uint32_t key_range;  // keys drawn: a few more than fit
  std::uint32_t flags = 0;
};

constexpr Contest kContests[] = {
    {MapType::array, 4, 8, 7, 9},
    {MapType::array, 4, 13, 5, 6},
    {MapType::array, 4, 4, 1, 2, map_flag::rdonly},
    {MapType::array, 4, 4, 3, 4, map_flag::wronly},
    {MapType::percpu_array, 4, 8, 6, 7},
    {MapType::percpu_array, 4, 5, 3, 4},
    {MapType::hash, 4, 4, 8, 12},
    {MapType::hash, 8, 8, 16, 20},
    {MapType::hash, 16, 24, 5, 7},
    {MapType::hash, 1, 1, 3, 5},
    {MapType::hash, 7, 3, 10, 14},
    {MapType::hash, 136, 9, 10, 14},
    {MapType::hash, 8, 8, 1, 3},
    {MapType::hash, 8, 8, 200, 260},
    {MapType::hash, 4, 4, 4, 5, map_flag::rdonly_prog},
    {MapType::hash, 4, 4, 4, 5, map_flag::rdonly},
    {MapType::hash, 4, 4, 4, 5, map_flag::wronly},
    {MapType::hash, 4, 4, 4, 6, map_flag::no_prealloc | map_flag::zero_seed},
    {MapType::percpu_hash, 4, 4, 6, 9},
    {MapType::percpu_hash, 8, 20, 4, 6},
    {MapType::prog_array, 4, 4, 3, 5},
    {MapType::perf_event_array, 4, 4, 3, 5},
    {MapType::lru_hash, 4, 4, 4096, 30},
    {MapType::lru_hash, 8, 20, 4096, 30, map_flag::no_common_lru},
    {MapType::lru_percpu_hash, 4, 12, 4096, 30},
    {MapType::queue, 0, 4, 5, 1},
    {MapType::queue, 0, 13, 1, 1},
    {MapType::stack, 0, 8, 3, 1},
    {MapType::ringbuf, 0, 0, 4096, 1},
};

/// Both maps side by side. Each operation is done on both and compared.
class Arena {
 public:
  explicit Arena(const Contest& contest)
      : contest_(contest), spec_(spec_of(contest)), ours_(make(spec_)), theirs_(spec_) {
    REQUIRE(theirs_.error() == 0);
  }

  void play(unsigned rounds) {
    for (unsigned round = 0; round < rounds; ++round) {
      switch (random_() % 8) {
        case 0:
        case 1:
        case 2:
          update(key(), value(), random_() % 8 == 0 ? random_() % 6 : random_() % 3);
          break;
        case 3:
        case 4:
          lookup(key());
          break;
        case 5:
          erase(key());
          break;
        case 6:
          step(key());
          break;
        case 7:
          compare_contents();
          pop();
          break;
      }
    }
  }

  void freeze() {
    CHECK(sys(ours_.freeze()) == theirs_.freeze());
    update(key(), value(), 0);
    erase(key());
    CHECK(sys(ours_.freeze()) == theirs_.freeze());
  }

 private:
  static MapSpec spec_of(const Contest& contest) {
    MapSpec spec;
    spec.name = "contest";
    spec.type = contest.type;
    spec.key_size = contest.key_size;
    spec.value_size = contest.value_size;
    spec.max_entries = contest.max_entries;
    spec.flags = contest.flags;
    return spec;
  }
  static Map make(const MapSpec& spec) {
    auto map = Map::create(spec, kernel::possible_cpus());
    REQUIRE(map);
    return *map;
  }
  template <class T>
  static int sys(const Result<T>& result) {
    return result ? 0 : -result.error().sys;
  }

  Bytes key() {
    Bytes key(spec_.key_size);
    const std::uint32_t number = random_() % contest_.key_range;
    if (key.size() >= 4) std::memcpy(key.data() + (random_keys_at_end() ? key.size() - 4 : 0), &number, 4);
    if (key.size() < 4 && !key.empty()) key[0] = static_cast<std::byte>(number);
    return key;
  }
  // Long keys differ at their end, so that all of them must be compared and hashed.
  [[nodiscard]] bool random_keys_at_end() const { return spec_.key_size > 8; }

  Bytes value() {
    Bytes value(ours_.host_value_size());
    for (auto& byte : value) byte = static_cast<std::byte>(random_());
    if (spec_.type == MapType::prog_array || spec_.type == MapType::perf_event_array)
      std::fill(value.begin(), value.end(), std::byte{0xff});
    return value;
  }

  void update(const Bytes& key, const Bytes& value, std::uint64_t flags) {
    CAPTURE(flags);
    const int ours = sys(ours_.update(key, value, static_cast<Update>(flags)));
    const int theirs = theirs_.update(key.data(), value.data(), flags);
    // A number of ours never names a program: Linux says that the descriptor is bad, we that the value is.
    CHECK(ours == (theirs == -EBADF ? -EINVAL : theirs));
  }

  void lookup(const Bytes& key) {
    Bytes expected(ours_.host_value_size());
    const int theirs = theirs_.lookup(key.data(), expected.data());
    const auto ours = ours_.lookup(key);
    CHECK(sys(ours) == theirs);
    if (ours && theirs == 0) CHECK(*ours == expected);
  }

  void erase(const Bytes& key) { CHECK(sys(ours_.erase(key)) == theirs_.erase(key.data())); }

  void pop() {
    if (spec_.type != MapType::queue && spec_.type != MapType::stack) return;
    Bytes expected(ours_.host_value_size());
    const int theirs = theirs_.pop(expected.data());
    const auto ours = ours_.pop();
    CHECK(sys(ours) == theirs);
    if (ours && theirs == 0) CHECK(*ours == expected);
  }

  // The order of hash maps is their own; whether there is a next key after an absent one, and errno, are not.
  void step(const Bytes& key) {
    Bytes expected(spec_.key_size);
    const bool ordered = spec_.type != MapType::hash && spec_.type != MapType::percpu_hash &&
                         spec_.type != MapType::lru_hash && spec_.type != MapType::lru_percpu_hash;
    const Bytes* from = ordered ? &key : nullptr;
    const int theirs = theirs_.next_key(from != nullptr ? from->data() : nullptr, expected.data());
    const auto ours =
        ours_.next_key(from != nullptr ? std::span<const std::byte>(*from) : std::span<const std::byte>());
    if (theirs == -ENOENT) {
      CHECK((ours && !*ours));
    } else {
      CHECK(sys(ours) == theirs);
      if (ordered && ours && *ours) CHECK(**ours == expected);
    }
  }

  void compare_contents() {
    if ((spec_.flags & map_flag::wronly) != 0) return;
    Entries theirs;
    Bytes at(spec_.key_size);
    Bytes value(ours_.host_value_size());
    for (int error = theirs_.next_key(nullptr, at.data()); error == 0; error = theirs_.next_key(at.data(), at.data())) {
      if (theirs_.lookup(at.data(), value.data()) == 0) theirs[text(at)] = text(value);
    }
    Entries ours;
    std::size_t seen = 0;
    for (auto key = ours_.next_key({}); key && *key; key = ours_.next_key(**key)) {
      ++seen;
      if (const auto found = ours_.lookup(**key)) ours[text(**key)] = text(*found);
    }
    CHECK(ours == theirs);
    CHECK(seen >= ours.size());
    Entries visited;
    const std::size_t visits = ours_.for_each([&](auto key, auto bytes) {
      visited.emplace(text(key), text(bytes));
      return true;
    });
    CHECK(visited == theirs);
    CHECK(visits == theirs.size());
  }

  Contest contest_;
  MapSpec spec_;
  Map ours_;
  kernel::KernelMap theirs_;
  std::mt19937 random_{20240613};
};

}  // namespace

TEST_CASE("any sequence of operations has the outcome that it has on the kernel's map") {
  if (const auto reason = kernel::unavailable()) {
    MESSAGE("SKIP: " << *reason);
    return;
  }
  for (const Contest& contest : kContests) {
    CAPTURE(name_of(contest.type));
    CAPTURE(contest.key_size);
    CAPTURE(contest.value_size);
    CAPTURE(contest.flags);
    Arena arena(contest);
    arena.play(3000);
    arena.freeze();
  }
}

TEST_CASE("redirect tables hold, refuse and forget what the kernel's do") {
  if (const auto reason = kernel::unavailable()) {
    MESSAGE("SKIP: " << *reason);
    return;
  }
  // Only what exists on every machine can be stored on both sides: the loopback device and the first CPU.
  struct Table {
    MapType type;
    std::uint32_t value_size;
    std::uint32_t target;
  };
  constexpr Table kTables[] = {{MapType::devmap, 4, 1},      {MapType::devmap, 8, 1},  {MapType::devmap_hash, 4, 1},
                               {MapType::devmap_hash, 8, 1}, {MapType::cpumap, 4, 64}, {MapType::cpumap, 8, 64}};
  for (const Table& table : kTables) {
    MapSpec spec;
    spec.name = "table";
    spec.type = table.type;
    spec.key_size = 4;
    spec.value_size = table.value_size;
    spec.max_entries = table.type == MapType::cpumap ? 1 : 3;
    const kernel::KernelMap theirs(spec);
    REQUIRE(theirs.error() == 0);
    const auto ours = maps::create(spec);
    REQUIRE(ours);
    std::mt19937 random(7);
    for (unsigned round = 0; round < 400; ++round) {
      const std::uint32_t key = random() % 5;
      const std::uint32_t targets[] = {table.target, 0, table.target};
      std::uint32_t value[2] = {targets[random() % 3], 0};
      if (random() % 8 == 0) value[1] = 0xffffffff;
      const std::uint64_t flags = random() % 4;
      const auto* key_bytes = reinterpret_cast<const std::byte*>(&key);
      CAPTURE(name_of(table.type));
      CAPTURE(key);
      CAPTURE(value[0]);
      CAPTURE(flags);
      const auto* value_bytes = reinterpret_cast<const std::byte*>(value);
      CHECK((*ours)->write(key_bytes, value_bytes, flags) == theirs.update(key_bytes, value_bytes, flags));
      if (random() % 3 == 0) CHECK((*ours)->remove(key_bytes) == theirs.erase(key_bytes));
      Bytes mine(table.value_size);
      Bytes expected(table.value_size);
      const int error = theirs.lookup(key_bytes, expected.data());
      CHECK((*ours)->read(key_bytes, mine.data()) == error);
      if (error == 0) CHECK(mine == expected);
      CHECK(((*ours)->lookup(key_bytes, 0) != nullptr) == (error == 0));
    }
  }
}

}  // namespace skep
