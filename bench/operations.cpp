// Single operations of programs: a verified program does one of them over and over, compiled. The time is that of a
// round of its loop; op/loop shows how much of it is the loop.
#include <cstdint>
#include <string>
#include <vector>

#include <benchmark/benchmark.h>
#include <skep/skep.hpp>

#include "benches.hpp"

namespace skep::bench {
namespace {

constexpr benchmark::IterationCount kOperations = 1024;  // OPERATIONS in operations/operations.bpf.c
constexpr std::uint64_t kKeys = 512;

/// The keys that programs look for: the first bytes of each are its number, the others 0.
void fill(const Map& map) {
  if (map.spec().type == MapType::ringbuf) return;
  std::vector<std::byte> key(map.spec().key_size);
  const std::vector<std::byte> value(map.host_value_size());
  for (std::uint64_t number = 0; number < kKeys; ++number) {
    const auto bytes = std::as_bytes(std::span(&number, 1));
    std::copy_n(bytes.begin(), std::min(key.size(), bytes.size()), key.begin());
    if (!map.update(key, value)) return;
  }
}

/// Records are consumed beside the clock.
void time_operation(benchmark::State& state, const std::string& name) {
  const auto object = Object::load_file(SKEP_BENCH_PROGRAMS "/operations.bpf.o").value();
  for (const Map& map : object.maps()) fill(map);
  const Verdict verdict = verify(object.program(name).value());
  if (!verdict.ok()) return state.SkipWithError(verdict.explain().c_str());
  const auto executable = Executable::build(*verdict.verified()).value();
  auto ring = RingBuffer::open(object.map("ring").value(), [](std::span<const std::byte>) { return true; }).value();
  const bool produces = name.starts_with("ringbuf");
  XdpPacket packet(std::vector<std::byte>(64));
  while (state.KeepRunningBatch(kOperations)) {
    const RunResult result = executable.run(packet);
    if (!result.ok() || static_cast<std::int32_t>(result.value) < 0) return state.SkipWithError("it did not work");
    if (!produces) continue;
    state.PauseTiming();
    ring.consume();
    state.ResumeTiming();
  }
}

}  // namespace

void register_operations() {
  for (const Program& program : Object::load_file(SKEP_BENCH_PROGRAMS "/operations.bpf.o").value().programs()) {
    const std::string name(program.name());
    benchmark::RegisterBenchmark(("op/" + name).c_str(),
                                 [name](benchmark::State& state) { time_operation(state, name); });
  }
}

}  // namespace skep::bench
