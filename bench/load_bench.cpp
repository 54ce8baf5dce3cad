// Opening objects: from bytes in memory to programs and live maps.
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

#include <benchmark/benchmark.h>
#include <skep/skep.hpp>

#include "benches.hpp"

namespace skep::bench {
namespace {

/// The largest object that Debian's xdp-tools brings (scripts/setup referee).
constexpr const char* kLarge = "/usr/lib/x86_64-linux-gnu/bpf/xdpfilt_alw_all.o";

void time_load(benchmark::State& state, const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  if (!file) return state.SkipWithError(("cannot read " + path).c_str());
  const std::vector<char> bytes{std::istreambuf_iterator<char>(file), {}};
  for (auto _ : state) {
    const auto object = Object::load(std::as_bytes(std::span(bytes)), path);
    if (!object) return state.SkipWithError(object.error().message().c_str());
    benchmark::DoNotOptimize(object->programs());
  }
  state.counters["bytes"] = static_cast<double>(bytes.size());
}

}  // namespace

void register_loads() {
  for (const std::string path : {SKEP_BENCH_DEMO, kLarge})
    benchmark::RegisterBenchmark(("load/" + std::filesystem::path(path).filename().string()).c_str(),
                                 [path](benchmark::State& state) { time_load(state, path); });
}

}  // namespace skep::bench
