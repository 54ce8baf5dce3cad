// One executable run from many threads at once, over maps that the threads and the application share. Totals are exact:
// nothing is lost, nothing is counted twice. Run under the thread sanitizer (see .ci/run).
#include <doctest/doctest.h>

#include <atomic>
#include <thread>
#include <vector>

#include <skep/skep.hpp>

#include "support/run_asm.hpp"

using namespace skep;
using namespace skep::test;

namespace {

constexpr unsigned kThreads = 8;
constexpr std::uint64_t kRuns = 2000;  // by each thread

Map make_map(MapType type, std::uint32_t key_size, std::uint32_t value_size, std::uint32_t max_entries) {
  auto map = Map::create(
      {.name = "shared", .type = type, .key_size = key_size, .value_size = value_size, .max_entries = max_entries},
      kThreads);
  if (!map) FAIL("no map: " << map.error().message());
  return *map;
}

/// What the program finds in its context.
struct Input {
  std::uint64_t thread;
  std::uint64_t round;
};

RunResult run_on(const Executable& executable, Input input) {
  RawContext context{std::as_writable_bytes(std::span(&input, 1))};
  return executable.run(context);
}

/// Runs `executable` kRuns times on each of kThreads threads, and `meanwhile` again and again on one more; returns the
/// number of runs for which `good` does not hold.
template <class Good, class Meanwhile>
std::uint64_t run_everywhere(const Executable& executable, const Good& good, const Meanwhile& meanwhile) {
  std::atomic<std::uint64_t> bad{0};
  std::atomic<unsigned> running{kThreads};
  std::vector<std::thread> threads;
  for (unsigned thread = 0; thread < kThreads; ++thread)
    threads.emplace_back([&, thread] {
      for (std::uint64_t round = 0; round < kRuns; ++round)
        if (!good(run_on(executable, {thread, round}))) ++bad;
      --running;
    });
  do meanwhile();
  while (running != 0);
  for (std::thread& thread : threads) thread.join();
  return bad;
}

constexpr auto returns = [](std::uint64_t value) {
  return [value](const RunResult& result) { return result.ok() && result.value == value; };
};
constexpr auto nothing = [] { std::this_thread::yield(); };

}  // namespace

TEST_CASE("atomic additions to an array value from many threads lose nothing") {
  const Map map = make_map(MapType::array, 4, 16, 1);
  const auto executable = built(R"(
    ld_pseudo r1, 0x2, 0x0
    r2 = 3
    lock *(u64 *)(r1 + 0x0) += r2
    r3 = 1
    w3 = atomic_fetch_add((u32 *)(r1 + 0x8), w3)
    r0 = 0
    exit
  )",
                                {.maps = {map}});
  const std::uint64_t bad = run_everywhere(executable, returns(0), [&] {
    (void)map.lookup(std::as_bytes(std::span("\0\0\0", 4)));
    std::this_thread::yield();
  });
  CHECK(bad == 0);
  const auto value = map.lookup<std::array<std::uint64_t, 2>>(std::uint32_t{0});
  REQUIRE(value);
  CHECK((*value)[0] == 3 * kThreads * kRuns);
  CHECK((*value)[1] == kThreads * kRuns);
}

TEST_CASE("entries that programs add, find and remove are whole while the application does the same beside them") {
  const Map map = make_map(MapType::hash, 8, 16, 64);
  // key = thread: add (key, round, key), find it, compare both words, remove it.
  const auto executable = built(R"(
    r6 = *(u64 *)(r1 + 0x0)
    r7 = *(u64 *)(r1 + 0x8)
    *(u64 *)(r10 - 0x8) = r6
    *(u64 *)(r10 - 0x18) = r7
    *(u64 *)(r10 - 0x10) = r6
    ld_pseudo r1, 0x1, 0x0
    r2 = r10
    r2 += -8
    r3 = r10
    r3 += -24
    r4 = 1
    call 2
    if r0 != 0 goto exit
    ld_pseudo r1, 0x1, 0x0
    r2 = r10
    r2 += -8
    call 1
    if r0 == 0 goto missing
    r8 = *(u64 *)(r0 + 0x0)
    if r8 != r7 goto torn
    r8 = *(u64 *)(r0 + 0x8)
    if r8 != r6 goto torn
    ld_pseudo r1, 0x1, 0x0
    r2 = r10
    r2 += -8
    call 3
    exit
  missing:
    r0 = 1
    exit
  torn:
    r0 = 2
    exit
  )",
                                {.maps = {map}});
  std::uint64_t key = 1000, wrong = 0;
  const std::uint64_t bad = run_everywhere(executable, returns(0), [&] {
    const std::array value{key, ~key};
    if (!map.update(key, value)) ++wrong;
    if (map.lookup<std::array<std::uint64_t, 2>>(key) != value) ++wrong;
    map.for_each([&](auto, auto bytes) { return bytes.size() == 16; });
    if (!map.erase(key)) ++wrong;
    ++key;
  });
  CHECK(bad == 0);
  CHECK(wrong == 0);
  CHECK(map.for_each([](auto, auto) { return true; }) == 0);
}

TEST_CASE("plain additions to a per-CPU value lose nothing, as a run owns its CPU") {
  for (const unsigned cpus : {1u, 2u, kThreads}) {
    CAPTURE(cpus);
    const auto host = make_process_host({.cpus = cpus, .trace_fd = -1});
    const Map map = make_map(MapType::percpu_array, 4, 8, 1);
    const auto executable = built(R"(
      *(u32 *)(r10 - 0x4) = 0
      ld_pseudo r1, 0x1, 0x0
      r2 = r10
      r2 += -4
      call 1
      if r0 == 0 goto exit
      r1 = *(u64 *)(r0 + 0x0)
      r1 += 1
      *(u64 *)(r0 + 0x0) = r1
      r0 = 0
      exit
    )",
                                  {.maps = {map}, .build = {.host = host}});
    CHECK(run_everywhere(executable, returns(0), nothing) == 0);
    const auto values = map.lookup_per_cpu<std::uint64_t>(std::uint32_t{0});
    REQUIRE(values);
    std::uint64_t sum = 0;
    for (const std::uint64_t value : *values) sum += value;
    CHECK(sum == kThreads * kRuns);
  }
}

TEST_CASE("a consumer sees every ring-buffer record once, and each thread's in order") {
  const Map map = make_map(MapType::ringbuf, 0, 0, 4096);
  // Tries again until there is room: the consumer runs beside.
  const auto executable = built(R"(
    r6 = *(u64 *)(r1 + 0x0)
    r7 = *(u64 *)(r1 + 0x8)
    *(u64 *)(r10 - 0x10) = r6
    *(u64 *)(r10 - 0x8) = r7
  again:
    ld_pseudo r1, 0x1, 0x0
    r2 = r10
    r2 += -16
    r3 = 16
    r4 = 0
    call 130
    if r0 != 0 goto again
    ld_pseudo r1, 0x1, 0x0
    r2 = 16
    r3 = 0
    call 131
    if r0 == 0 goto exit
    r1 = r0
    r2 = 0
    call 133
    r0 = 0
    exit
  )",
                                {.maps = {map}});
  std::array<std::uint64_t, kThreads> next{};
  std::uint64_t wrong = 0;
  auto consumer = RingBuffer::open(map, [&](std::span<const std::byte> record) {
    Input input;
    if (record.size() != sizeof(input)) return ++wrong, true;
    std::memcpy(&input, record.data(), sizeof(input));
    if (input.thread >= kThreads || input.round != next[input.thread]++) ++wrong;
    return true;
  });
  REQUIRE(consumer);
  CHECK(run_everywhere(executable, returns(0), [&] { (void)consumer->poll(1); }) == 0);
  consumer->consume();
  CHECK(wrong == 0);
  for (const std::uint64_t rounds : next) CHECK(rounds == kRuns);
}

TEST_CASE("a tail call reaches one of the programs that another thread puts into the slot, whole, or falls through") {
  const Map map = make_map(MapType::prog_array, 4, 4, 2);
  const auto caller = built(R"(
    r6 = r1
    ld_pseudo r2, 0x1, 0x0
    r3 = 1
    call 12
    r0 = 7
    exit
  )",
                            {.maps = {map}});
  // The programs are built and dropped again while calls may run them.
  std::uint64_t swaps = 0, refused = 0;
  std::atomic<std::uint64_t> reached{0};
  const auto swap = [&] {
    const auto fresh = built(swaps % 2 == 0 ? "r0 = 100\nr0 += 1\nexit" : "r0 = 200\nr0 += 2\nexit");
    if (!fresh.put_into(map, 1)) ++refused;
    if (++swaps % 5 == 0 && reached != 0) (void)map.erase(std::uint32_t{1});
  };
  const auto first = built("r0 = 101\nexit").put_into(map, 1);
  REQUIRE_MESSAGE(first, first.error().message());
  const auto good = [&](const RunResult& result) {
    if (result.value != 7) ++reached;
    return result.ok() && (result.value == 7 || result.value == 101 || result.value == 202);
  };
  CHECK(run_everywhere(caller, good, swap) == 0);
  CHECK(swaps > 0);
  CHECK(refused == 0);
  CHECK(reached > 0);
}
