// Maps from the application's side, and a ring buffer from a program to its consumer.
#include <cstdint>
#include <functional>
#include <string>

#include <benchmark/benchmark.h>
#include <skep/skep.hpp>

#include "benches.hpp"

namespace skep::bench {
namespace {

constexpr std::uint32_t kEntries = 1024;

/// 8-byte values in `kind`, half full; keys are 8 bytes in hashes, an index in arrays.
Map make_map(MapType type, std::uint32_t key_size) {
  const Map map =
      Map::create({.name = "m", .type = type, .key_size = key_size, .value_size = 8, .max_entries = kEntries}).value();
  const std::vector<std::byte> value(map.host_value_size());
  for (std::uint64_t key = 0; key < kEntries / 2; ++key)
    map.update(std::as_bytes(std::span(&key, 1)).first(key_size), value);
  return map;
}

void time_map(benchmark::State& state, MapType type, std::uint32_t key_size,
              const std::function<bool(const Map&, std::span<const std::byte> key, std::span<const std::byte>)>& op) {
  const Map map = make_map(type, key_size);
  const std::vector<std::byte> value(map.host_value_size());
  std::uint64_t key = 0;
  for (auto _ : state) {
    key = (key + 1) % (kEntries / 2);
    if (!op(map, std::as_bytes(std::span(&key, 1)).first(key_size), value)) return state.SkipWithError("refused");
  }
}

void time_ring(benchmark::State& state) {
  const auto object = Object::load_file(SKEP_BENCH_PROGRAMS "/ring.bpf.o").value();
  const auto executable = Executable::build(object.program("ring").value()).value();
  std::size_t seen = 0;
  auto ring = RingBuffer::open(object.map("events").value(), [&](std::span<const std::byte> record) {
                seen += record.size();
                return true;
              }).value();
  XdpPacket packet(std::vector<std::byte>(64));
  for (auto _ : state) {
    executable.run(packet);
    ring.consume();
  }
  if (seen != 64 * static_cast<std::size_t>(state.iterations())) state.SkipWithError("records were lost");
}

}  // namespace

void register_maps() {
  using Bytes = std::span<const std::byte>;
  const auto lookup = [](const Map& map, Bytes key, Bytes) { return map.lookup(key).has_value(); };
  const auto update = [](const Map& map, Bytes key, Bytes value) { return map.update(key, value).has_value(); };
  const auto erase_insert = [](const Map& map, Bytes key, Bytes value) {
    return map.erase(key).has_value() && map.update(key, value, Update::no_exist).has_value();
  };
  struct Kind {
    MapType type;
    std::uint32_t key_size;
    bool erases;
  };
  for (const Kind kind : {Kind{MapType::array, 4, false}, Kind{MapType::percpu_array, 4, false},
                          Kind{MapType::hash, 8, true}, Kind{MapType::percpu_hash, 8, true}}) {
    const auto add = [&](const char* name, const auto& op) {
      const std::string full = "map/" + std::string(name_of(kind.type)) + "/" + name;
      benchmark::RegisterBenchmark(
          full.c_str(), [kind, op](benchmark::State& state) { time_map(state, kind.type, kind.key_size, op); });
    };
    add("lookup", lookup);
    add("update", update);
    if (kind.erases) add("erase+insert", erase_insert);
  }
  benchmark::RegisterBenchmark("ringbuf/output+consume", time_ring);
}

}  // namespace skep::bench
