// Which map definitions are accepted, compared with the running kernel over a grid, and what creation costs.
#include <doctest/doctest.h>
#include <sys/resource.h>

#include <fstream>
#include <string>
#include <vector>

#include "maps/map_storage.hpp"
#include "support/kernel_map.hpp"

namespace skep {
namespace {

struct Shape {
  std::uint32_t key_size;
  std::uint32_t value_size;
};

constexpr MapType kTypes[] = {MapType::hash,
                              MapType::array,
                              MapType::prog_array,
                              MapType::percpu_hash,
                              MapType::percpu_array,
                              MapType::devmap,
                              MapType::devmap_hash,
                              MapType::cpumap,
                              MapType::xskmap,
                              MapType::ringbuf,
                              MapType::perf_event_array,
                              MapType::lru_hash,
                              MapType::lru_percpu_hash,
                              MapType::lpm_trie,
                              MapType::queue,
                              MapType::stack,
                              MapType::bloom_filter};
constexpr Shape kShapes[] = {{4, 4},     {4, 8},       {0, 4},          {4, 0},          {0, 0},      {1, 1},
                             {5, 3},     {8, 4},       {4, 12},         {16, 16},        {4, 7},      {64, 100},
                             {4, 32768}, {4, 32769},   {4, 0x80000000}, {0xffffffff, 4}, {8, 4},      {4096, 4194304},
                             {4, 4},     {4, 4194204}, {4, 4194251},    {4, 4194252},    {4, 4194300}};
// 4 MiB would make the kernel allocate much; sizes that it refuses before allocating cost nothing.
constexpr std::uint32_t kEntries[] = {0, 1, 2, 3, 64, 4096, 6144, 8192};
constexpr std::uint32_t kHugeEntries[] = {(1u << 27) + 1, 0x80000001u, 0xffffffffu};

int our_errno(const MapSpec& spec) {
  const auto map = maps::create(spec);
  return map ? 0 : -map.error().sys;
}

int kernel_errno(const MapSpec& spec) { return kernel::KernelMap(spec).error(); }

// What the kernel would have to hold in memory, so that the grid leaves the large ones out.
bool cheap(const MapSpec& spec) {
  const std::uint64_t element = std::uint64_t{spec.key_size} + std::uint64_t{spec.value_size} * 2 + 64;
  return element * spec.max_entries <= (8u << 20) || spec.value_size >= 0x80000000u || spec.key_size == 0xffffffffu;
}

void compare(const MapSpec& spec, unsigned& compared) {
  CAPTURE(name_of(spec.type));
  CAPTURE(spec.key_size);
  CAPTURE(spec.value_size);
  CAPTURE(spec.max_entries);
  CAPTURE(spec.flags);
  CAPTURE(spec.map_extra);
  const int ours = our_errno(spec);
  const int theirs = kernel_errno(spec);
  CHECK(ours == theirs);
  ++compared;
}

MapSpec spec_of(MapType type, Shape shape, std::uint32_t entries, std::uint32_t flags = 0) {
  MapSpec spec;
  spec.name = "grid";
  spec.type = type;
  spec.key_size = shape.key_size;
  spec.value_size = shape.value_size;
  spec.max_entries = entries;
  spec.flags = flags;
  return spec;
}

std::uint64_t resident_bytes() {
  std::ifstream statm("/proc/self/statm");
  std::uint64_t total = 0;
  std::uint64_t resident = 0;
  statm >> total >> resident;
  return resident * 4096;
}

}  // namespace

TEST_CASE("map creation accepts the sizes that the kernel accepts and refuses the others with its errno") {
  if (const auto reason = kernel::unavailable()) {
    MESSAGE("SKIP: " << *reason);
    return;
  }
  unsigned compared = 0;
  for (const MapType type : kTypes) {
    for (const Shape shape : kShapes) {
      for (const std::uint32_t entries : kEntries) {
        const MapSpec spec = spec_of(type, shape, entries);
        // The kernel of this machine may know fewer CPUs than ours; the number is a choice of its configuration.
        if (cheap(spec) && !(type == MapType::cpumap && entries > 64)) compare(spec, compared);
      }
    }
  }
  for (const std::uint32_t entries : kHugeEntries) {
    compare(spec_of(MapType::hash, {4, 4}, entries), compared);
    compare(spec_of(MapType::hash, {4, 4}, entries, map_flag::no_prealloc), compared);
    compare(spec_of(MapType::percpu_hash, {4, 4}, entries), compared);
    compare(spec_of(MapType::cpumap, {4, 4}, entries), compared);
    compare(spec_of(MapType::ringbuf, {0, 0}, entries), compared);
    compare(spec_of(MapType::lru_hash, {4, 4}, entries), compared);
  }
  for (const std::uint32_t size : {4u, 5u, 260u, 261u})
    compare(spec_of(MapType::lpm_trie, {size, 4}, 2, map_flag::no_prealloc), compared);
  for (const std::uint32_t size :
       {1u, 4194000u, 4194003u, 4194004u, 4194005u, 4194024u, 4194025u, 4194100u, 4194304u, 4194305u}) {
    compare(spec_of(MapType::lpm_trie, {8, size}, 2, map_flag::no_prealloc), compared);
    compare(spec_of(MapType::queue, {0, size}, 1), compared);
    compare(spec_of(MapType::bloom_filter, {0, size}, 1), compared);
  }
  compare(spec_of(MapType::devmap_hash, {4, 4}, 0x80000001u), compared);
  CHECK(compared > 1000);
}

TEST_CASE("map creation accepts the flags that the kernel accepts and refuses the others with its errno") {
  if (const auto reason = kernel::unavailable()) {
    MESSAGE("SKIP: " << *reason);
    return;
  }
  unsigned compared = 0;
  constexpr std::uint32_t kTokenFd = 1u << 16;  // needs a descriptor that we have no field for
  for (const MapType type : kTypes) {
    const bool ring = type == MapType::ringbuf;
    const bool bag = type == MapType::queue || type == MapType::stack || type == MapType::bloom_filter;
    const Shape shape = ring ? Shape{0, 0} : bag ? Shape{0, 4} : type == MapType::lpm_trie ? Shape{8, 4} : Shape{4, 4};
    const std::uint32_t entries = ring ? 4096 : 2;
    for (unsigned a = 0; a < 32; ++a) {
      for (unsigned b = a; b < 32; ++b) {
        const std::uint32_t flags = (1u << a) | (1u << b);
        if ((flags & kTokenFd) == 0) compare(spec_of(type, shape, entries, flags), compared);
      }
    }
    for (const std::uint64_t value : {1u, 15u, 16u, 1u << 20}) {
      MapSpec extra = spec_of(type, shape, entries);
      extra.map_extra = value;
      compare(extra, compared);
    }
  }
  CHECK(compared > 4000);
}

TEST_CASE("a type that has no storage is refused by name, an unknown one by number") {
  auto spec = spec_of(MapType::stack_trace, {4, 8}, 1);
  auto map = maps::create(spec);
  REQUIRE(!map);
  CHECK(map.error().code == ErrorCode::unsupported);
  CHECK(map.error().message() == "map grid: type stack_trace has no storage");
  spec.type = static_cast<MapType>(99);
  map = maps::create(spec);
  REQUIRE(!map);
  CHECK(map.error().code == ErrorCode::invalid);
  CHECK(map.error().sys == EINVAL);
}

TEST_CASE("a map that would pass the memory limit is refused with ENOMEM, whatever its sizes multiply to") {
  struct Case {
    MapType type;
    Shape shape;
    std::uint32_t entries;
  };
  constexpr Case kCases[] = {
      {MapType::array, {4, 0x7fffffff}, 0xffffffff}, {MapType::percpu_array, {4, 32768}, 0xffffffff},
      {MapType::hash, {4, 4194000}, 1u << 27},       {MapType::percpu_hash, {4, 32768}, 1u << 27},
      {MapType::prog_array, {4, 4}, 0xffffffff},     {MapType::devmap, {4, 4}, 0xffffffff},
      {MapType::ringbuf, {0, 0}, 1u << 31}};
  for (const Case& c : kCases) {
    CAPTURE(name_of(c.type));
    const auto map = maps::create(spec_of(c.type, c.shape, c.entries), {.cpus = 4096, .max_bytes = 1u << 30});
    REQUIRE(!map);
    CHECK(map.error().sys == ENOMEM);
    CHECK(map.error().code == ErrorCode::limit);
  }
}

TEST_CASE("large maps cost no memory before they are used") {
  const std::uint64_t before = resident_bytes();
  std::vector<std::shared_ptr<maps::MapStorage>> live;
  for (const MapType type : {MapType::array, MapType::hash, MapType::percpu_array, MapType::percpu_hash}) {
    auto map = maps::create(spec_of(type, {4, 64}, 4u << 20), {.cpus = 4, .max_bytes = std::uint64_t{64} << 30});
    REQUIRE(map);
    live.push_back(*map);
    const std::uint32_t key = 77;
    const std::vector<std::byte> value((*map)->host_value_size(), std::byte{1});
    CHECK((*map)->write(reinterpret_cast<const std::byte*>(&key), value.data(), 0) == 0);
  }
  // A gigabyte and more is reserved; huge pages may make each touched place cost 2 MiB.
  CHECK(resident_bytes() - before < (std::uint64_t{128} << 20));
}

}  // namespace skep
