// Time, work and memory of the verifier. Ours is the least of several runs, Linux' of two loads: what others on the
// machine add is never negative. Both see the objects adapted to the running kernel's types, so that processed
// instructions and states can be compared one by one.
#include "verify_bench.hpp"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <filesystem>
#include <fstream>
#include <numeric>
#include <optional>

#include <fmt/format.h>
#include <fmt/ostream.h>

#include "abi/attach_types.hpp"
#include "linux_verifier.hpp"
#include "loader/target_btf.hpp"
#include "support/objects.hpp"
#include "support/tools.hpp"
#include "verifier/input.hpp"

namespace skep::bench {
namespace {

using Types = std::shared_ptr<const btf::Btf>;

struct Row {
  std::string object, program;
  std::size_t insns = 0;
  double us = 0;
  verifier::Stats stats;
  std::optional<LinuxStats> linux_stats;
};

/// The running kernel refuses to load what would be called through a trampoline.
bool loads_here(const program::Program& program) {
  const auto attach = static_cast<abi::AttachType>(program.expected_attach_type);
  const bool typed = program.type == ProgType::tracing;
  return program.type != ProgType::lsm && program.type != ProgType::ext && program.type != ProgType::struct_ops &&
         (!typed || attach == abi::AttachType::trace_raw_tp || attach == abi::AttachType::trace_iter);
}

/// The program's row, when it is accepted.
std::optional<Row> measure(const std::string& object, const verifier::Input& input) {
  using Clock = std::chrono::steady_clock;
  Row row{object, input.program->name, input.program->insns.size(), 0, {}, {}};
  double spent = 0;
  for (unsigned i = 0; i < 3 || (i < 50 && spent < 2000); ++i) {
    const auto start = Clock::now();
    const verifier::Report report = verifier::verify(input);
    const double us = std::chrono::duration<double, std::micro>(Clock::now() - start).count();
    if (!report.accepted()) return {};
    row.us = i == 0 ? us : std::min(row.us, us);
    row.stats = report.stats;
    spent += us;
  }
  return row;
}

void measure(const objects::Found& found, const Types& types, std::vector<Row>& rows) {
  auto object = loader::parse_object(found.image, found.name, [&]() -> Result<Types> { return types; });
  if (!object) return;
  std::vector<verifier::MapInfo> maps;
  for (const auto& def : object->maps) {
    const bool frozen = def.origin == loader::MapDef::Origin::rodata || def.origin == loader::MapDef::Origin::kconfig;
    maps.push_back({&def.spec, frozen ? std::span<const std::byte>(def.contents) : std::span<const std::byte>{}});
  }
  std::set<std::string> to_load;
  const std::size_t first = rows.size();
  for (const auto& program : object->programs) {
    verifier::Input input;
    input.program = program.get();
    input.maps = maps;
    input.object_types = object->btf.get();
    input.kernel_types = types.get();
    auto row = measure(found.name, input);
    if (!row) continue;
    rows.push_back(*std::move(row));
    if (loads_here(*program)) to_load.insert(program->name);
  }
  std::string reason;
  for (int time = 0; time < 2 && !to_load.empty(); ++time) {
    const auto results = linux_stats(found.image, to_load, reason);
    for (std::size_t i = first; i < rows.size(); ++i) {
      const auto result = results.find(rows[i].program);
      if (result == results.end()) continue;
      auto& stats = rows[i].linux_stats;
      if (!stats || result->second.us < stats->us) stats = result->second;
    }
  }
}

double relative_difference(const Row& row) {
  return std::abs(std::log(double(row.stats.processed) / std::max(1u, row.linux_stats->processed)));
}

void print_row(const Row& row) {
  const LinuxStats linux = row.linux_stats.value_or(LinuxStats{});
  fmt::print("{:<64.64} {:>6} | {:>10.1f} {:>8} {:>6} {:>6} {:>7} | {:>10} {:>8} {:>6} {:>6} | {:>6.1f} {:>6.2f}\n",
             row.object + ":" + row.program, row.insns, row.us, row.stats.processed, row.stats.total_states,
             row.stats.peak_states, row.stats.peak_bytes >> 10, linux.us, linux.processed, linux.total_states,
             linux.peak_states, linux.us / row.us, double(row.stats.processed) / std::max(1u, linux.processed));
}

void print_head(const char* title) {
  fmt::print("\n{}\n{:<64} {:>6} | {:>10} {:>8} {:>6} {:>6} {:>7} | {:>10} {:>8} {:>6} {:>6} | {:>6} {:>6}\n", title,
             "program", "insns", "skep us", "walked", "states", "peak", "KiB", "linux us", "walked", "states", "peak",
             "faster", "walked");
}

template <class Value>
double sum(std::span<const Row* const> rows, Value value) {
  return std::accumulate(rows.begin(), rows.end(), 0.0,
                         [&](double so_far, const Row* row) { return so_far + value(*row); });
}

/// Of programs that both verified, the slowest (by Linux) first.
void compare(std::vector<const Row*> rows) {
  if (rows.empty()) return fmt::print("SKIP: the kernel loads no program here, nothing to compare with\n");
  const auto us = [](const Row& row) { return row.us; };
  const auto walked = [](const Row& row) { return double(row.stats.processed); };
  const auto linux_us = [](const Row& row) { return double(row.linux_stats->us); };
  const auto linux_walked = [](const Row& row) { return double(row.linux_stats->processed); };
  std::sort(rows.begin(), rows.end(), [&](auto a, auto b) { return linux_us(*a) > linux_us(*b); });
  const std::span<const Row* const> slowest(rows.data(), std::min<std::size_t>(rows.size(), 100));
  print_head("slowest programs");
  for (const Row* row : slowest.first(std::min<std::size_t>(slowest.size(), 40))) print_row(*row);

  std::vector<const Row*> different = rows;
  std::erase_if(different, [](const Row* row) { return row->stats.processed == row->linux_stats->processed; });
  std::sort(different.begin(), different.end(),
            [](auto a, auto b) { return relative_difference(*a) > relative_difference(*b); });
  print_head("furthest apart in instructions walked");
  for (std::size_t i = 0; i < std::min<std::size_t>(different.size(), 40); ++i) print_row(*different[i]);

  fmt::print("\nverify: {} programs that Linux accepts as well, {} with equal instructions walked\n", rows.size(),
             rows.size() - different.size());
  for (const auto& [name, some] :
       {std::pair{"all", std::span<const Row* const>(rows)}, std::pair{"slowest 100", slowest}})
    fmt::print(
        "verify {}: skep {:.0f} us, linux {:.0f} us: x{:.2f}; insns/s: skep {:.2f} M, linux {:.2f} M; walked: skep "
        "{:.0f}, linux {:.0f}\n",
        name, sum(some, us), sum(some, linux_us), sum(some, linux_us) / sum(some, us),
        sum(some, walked) / sum(some, us), sum(some, linux_walked) / sum(some, linux_us), sum(some, walked),
        sum(some, linux_walked));
}

void summarise(const std::vector<Row>& rows) {
  std::vector<double> times;
  double total = 0, walked = 0;
  const Row* largest = &rows.front();
  for (const Row& row : rows) {
    times.push_back(row.us);
    total += row.us;
    walked += row.stats.processed;
    if (row.stats.peak_bytes > largest->stats.peak_bytes) largest = &row;
  }
  std::nth_element(times.begin(), times.begin() + times.size() / 2, times.end());
  fmt::print(
      "verify: {} programs accepted, median {:.1f} us, {:.0f} programs/s, {:.2f} M insns/s; peak memory {} KiB "
      "({}:{})\n",
      rows.size(), times[times.size() / 2], 1e6 * rows.size() / total, walked / total, largest->stats.peak_bytes >> 10,
      largest->object, largest->program);
}

void write(const std::string& path, const std::vector<Row>& rows) {
  std::ofstream out(path);
  fmt::print(out,
             "object\tprogram\tinsns\tus\tprocessed\ttotal_states\tpeak_states\tpeak_bytes\tlinux_us\t"
             "linux_processed\tlinux_total_states\tlinux_peak_states\n");
  for (const Row& row : rows) {
    const LinuxStats linux = row.linux_stats.value_or(LinuxStats{});
    fmt::print(out, "{}\t{}\t{}\t{:.1f}\t{}\t{}\t{}\t{}\t{}\t{}\t{}\t{}\n", row.object, row.program, row.insns, row.us,
               row.stats.processed, row.stats.total_states, row.stats.peak_states, row.stats.peak_bytes, linux.us,
               linux.processed, linux.total_states, linux.peak_states);
  }
}

}  // namespace

int bench_verify(std::span<const std::string> sources, const std::string& tsv) {
  const auto bytes = tools::read_file("/sys/kernel/btf/vmlinux");
  const auto types = bytes ? loader::parse_target_btf(*bytes, "vmlinux") : Result<Types>(Types{});
  if (!types) return fmt::print(stderr, "{}\n", types.error().message()), 1;
  std::vector<Row> rows;
  for (const std::string& source : sources) {
    constexpr std::string_view kPackage = "package:";
    auto found = source.starts_with(kPackage) ? objects::in_executables(source.substr(kPackage.size()))
                                              : objects::in_folder(source, ".o");
    if (found.empty()) fmt::print("SKIP: no objects in {}\n", source);
    std::sort(found.begin(), found.end(), [](const auto& a, const auto& b) { return a.name < b.name; });
    for (const auto& object : found) measure(object, *types, rows);
  }
  if (rows.empty()) return 0;
  std::vector<const Row*> both;
  for (const Row& row : rows)
    if (row.linux_stats) both.push_back(&row);
  compare(std::move(both));
  summarise(rows);
  if (!tsv.empty()) write(tsv, rows);
  return 0;
}

}  // namespace skep::bench
