// libbpf loads the programs, all at once; where the kernel refuses one, each alone.
#include "linux_verifier.hpp"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include <array>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <functional>
#include <memory>
#include <optional>

namespace skep::bench {
namespace {

constexpr unsigned kLogStats = 4;  // BPF_LOG_STATS: nothing but the summary

using Object = std::unique_ptr<bpf_object, decltype(&bpf_object__close)>;
using Wanted = std::function<bool(const std::string&)>;
using Log = std::array<char, 4096>;

std::optional<LinuxStats> parse(const char* log) {
  LinuxStats stats;
  unsigned long long us = 0;
  const char* time = std::strstr(log, "verification time ");
  const char* summary = std::strstr(log, "processed ");
  if (time == nullptr || summary == nullptr || std::sscanf(time, "verification time %llu usec", &us) != 1) return {};
  if (std::sscanf(summary, "processed %u insns (limit %*u) max_states_per_insn %*u total_states %u peak_states %u",
                  &stats.processed, &stats.total_states, &stats.peak_states) != 3)
    return {};
  stats.us = us;
  return stats;
}

/// What a tool would set before it loads, and what would leave traces.
void prepare_maps(bpf_object* object) {
  bpf_map* map = nullptr;
  bpf_object__for_each_map(map, object) {
    bpf_map__set_pin_path(map, nullptr);
    const bool sized_by_libbpf = bpf_map__type(map) == BPF_MAP_TYPE_PERF_EVENT_ARRAY;
    if (bpf_map__max_entries(map) == 0 && !sized_by_libbpf) bpf_map__set_max_entries(map, 4096);
  }
}

using Result = std::map<std::string, LinuxStats>;

/// All or, where one is refused, none.
Result load(std::span<const std::byte> image, const Wanted& wanted, int& error) {
  const Object object(bpf_object__open_mem(image.data(), image.size(), nullptr), &bpf_object__close);
  if (object == nullptr) return error = -errno, Result{};
  prepare_maps(object.get());
  std::map<bpf_program*, std::unique_ptr<Log>> logs;
  bpf_program* program = nullptr;
  bpf_object__for_each_program(program, object.get()) {
    const bool loads = wanted(bpf_program__name(program));
    bpf_program__set_autoload(program, loads);
    if (!loads) continue;
    auto& log = logs[program] = std::make_unique<Log>();
    log->fill('\0');
    bpf_program__set_log_level(program, kLogStats);
    bpf_program__set_log_buf(program, log->data(), log->size());
  }
  error = bpf_object__load(object.get());
  Result result;
  if (error != 0) return result;
  for (const auto& [loaded, log] : logs)
    if (const auto stats = parse(log->data())) result.emplace(bpf_program__name(loaded), *stats);
  return result;
}

}  // namespace

Result linux_stats(std::span<const std::byte> object, const std::set<std::string>& programs, std::string& reason) {
  libbpf_set_print(nullptr);
  int error = 0;
  Result result = load(
      object, [&](const std::string& name) { return programs.contains(name); }, error);
  if (error == 0) return result;
  reason = std::strerror(-error);
  if (programs.size() == 1) return result;
  for (const std::string& only : programs)
    result.merge(load(
        object, [&](const std::string& name) { return name == only; }, error));
  return result;
}

}  // namespace skep::bench
