// How soon a run ends that another thread stops: what it still does from the moment the flag is set until run()
// returns, in CPU time of its thread, and how long that takes.
//
// Endless programs, of each kind that asks for the flag elsewhere: jumps back that count or do not, loops around a
// helper's call, callbacks. Who shares the machine adds to the wall time only.
#include "stop_bench.hpp"

#include <pthread.h>
#include <time.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdio>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include <skep/skep.hpp>

namespace skep::bench {
namespace {

constexpr std::size_t kSamples = 200;
constexpr auto kLetItRun = std::chrono::microseconds(300);

struct Endless {
  const char* name;
  std::vector<Insn> insns;
  bool verified;
  BuildOptions options;
};

const std::vector<Insn> kJump{{0x05, 0, 0, -1, 0}, {0x95, 0, 0, 0, 0}};
const std::vector<Insn> kHelper{{0x85, 0, 0, 0, 5}, {0x05, 0, 0, -2, 0}, {0x95, 0, 0, 0, 0}};  // bpf_ktime_get_ns

/// 2^23 rounds of 2^23 rounds of nothing.
const std::vector<Insn> kCallbacks{
    {0xb7, 1, 0, 0, 1 << 23}, {0x18, 2, 4, 0, 5},   {0, 0, 0, 0, 0},    {0xb7, 3, 0, 0, 0},
    {0xb7, 4, 0, 0, 0},       {0x85, 0, 0, 0, 181}, {0x95, 0, 0, 0, 0},  // the outer callback follows
    {0xb7, 1, 0, 0, 1 << 23}, {0x18, 2, 4, 0, 6},   {0, 0, 0, 0, 0},    {0xb7, 3, 0, 0, 0},
    {0xb7, 4, 0, 0, 0},       {0x85, 0, 0, 0, 181}, {0xb7, 0, 0, 0, 0}, {0x95, 0, 0, 0, 0},  // and the inner one
    {0xb7, 0, 0, 0, 0},       {0x95, 0, 0, 0, 0},
};

std::vector<Endless> endless() {
  return {
      {"jit, counted jumps", kJump, false, {.mode = Mode::guarded, .engine = Engine::jit}},
      {"jit, jumps", kJump, false, {.mode = Mode::unguarded, .engine = Engine::jit}},
      {"jit, counted helper calls", kHelper, false, {.mode = Mode::guarded, .engine = Engine::jit}},
      {"jit, helper calls", kHelper, false, {.mode = Mode::unguarded, .engine = Engine::jit}},
      {"jit, counted callbacks", kCallbacks, true, {.engine = Engine::jit, .metered = true}},
      {"jit, callbacks", kCallbacks, true, {.engine = Engine::jit}},
      {"interpreter, jumps", kJump, false, {.mode = Mode::guarded, .engine = Engine::interpreter}},
      {"interpreter, callbacks", kCallbacks, true, {.engine = Engine::interpreter}},
  };
}

Result<Executable> build(const Endless& endless) {
  return Program::from_insns(endless.insns, ProgType::xdp).and_then([&](const Program& program) -> Result<Executable> {
    if (!endless.verified) return Executable::build(program, endless.options);
    const Verdict verdict = verify(program);
    if (verdict.ok()) return Executable::build(*verdict.verified(), endless.options);
    std::fprintf(stderr, "%s: %s\n", endless.name, verdict.explain().c_str());
    return Executable::build(program, endless.options);
  });
}

double microseconds(clockid_t clock) {
  timespec now{};
  clock_gettime(clock, &now);
  return static_cast<double>(now.tv_sec) * 1e6 + static_cast<double>(now.tv_nsec) / 1e3;
}

struct Sample {
  double work = 0;  ///< microseconds
  double wall = 0;
};

/// One run that is stopped; nothing when nobody knows when, for the one who stops was kept from running at that moment.
std::optional<Sample> stop_once(const Executable& executable) {
  constexpr double kAtOnce = 20;
  const std::vector<std::byte> frame(64);
  XdpPacket packet(frame);
  std::atomic<bool> stop = false;
  std::atomic<bool> starts = false;
  clockid_t work{};
  pthread_getcpuclockid(pthread_self(), &work);
  Sample asked;
  bool known = false;
  std::thread other([&] {
    while (!starts) std::this_thread::yield();
    std::this_thread::sleep_for(kLetItRun);
    asked = {microseconds(work), microseconds(CLOCK_MONOTONIC)};
    stop = true;
    known = microseconds(CLOCK_MONOTONIC) - asked.wall < kAtOnce;
  });
  starts = true;
  const RunResult result = executable.run(packet, {.stop = &stop});
  const Sample ended{microseconds(work), microseconds(CLOCK_MONOTONIC)};
  other.join();
  if (!known) return std::nullopt;
  if (result.fault_kind() != FaultKind::stopped) std::fprintf(stderr, "%s\n", executable.explain(result.fault).c_str());
  return Sample{ended.work - asked.work, ended.wall - asked.wall};
}

void print_line(const char* what, std::vector<double> samples) {
  std::sort(samples.begin(), samples.end());
  std::printf("  %s p50 %8.1f us  p99 %8.1f us", what, samples[samples.size() / 2], samples[samples.size() * 99 / 100]);
}

}  // namespace

int bench_stops() {
  for (const Endless& one : endless()) {
    const auto executable = build(one);
    if (!executable) {
      std::fprintf(stderr, "SKIP: stop/%s: %s\n", one.name, executable.error().message().c_str());
      continue;
    }
    std::vector<double> work, wall;
    while (work.size() < kSamples) {
      const auto sample = stop_once(*executable);
      if (!sample) continue;
      work.push_back(sample->work);
      wall.push_back(sample->wall);
    }
    std::printf("stop/%-26s", one.name);
    print_line("work", std::move(work));
    print_line("wall", std::move(wall));
    std::printf("\n");
    std::fflush(stdout);
  }
  return 0;
}

}  // namespace skep::bench
