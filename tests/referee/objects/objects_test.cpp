// Every object of Debian's packages and of the kernel's selftests, opened by skep and by Linux 6.12's libbpf.
//
// scripts/referee-objects prepares the folder that SKEP_REFEREE_CACHE names and runs this; without it nothing is
// compared. What libbpf says is kept there by the object's bytes. SKEP_REFEREE_ONLY, part of an object's name, leaves
// the others out and lists every difference; otherwise each cause shows its first few.
#include <doctest/doctest.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <map>

#include <fmt/format.h>

#include "btf/btf.hpp"
#include "loader/target_btf.hpp"
#include "referee/objects/compare.hpp"
#include "support/objects.hpp"
#include "support/tools.hpp"

namespace skep::referee {
namespace {

namespace fs = std::filesystem;
using objects::Found;
constexpr std::size_t kShown = 3;
constexpr std::size_t kBatch = 32;  // objects for one run of the witness

std::string text_of(const fs::path& path) {
  const auto bytes = tools::read_file(path);
  return bytes ? std::string(reinterpret_cast<const char*>(bytes->data()), bytes->size()) : std::string();
}

/// FNV-1a.
std::uint64_t digest(std::uint64_t seed, std::span<const std::byte> bytes) {
  for (const std::byte byte : bytes) seed = (seed ^ static_cast<std::uint64_t>(byte)) * 0x100000001b3;
  return seed;
}

std::string_view bytes_of(const Found& found) {
  return {reinterpret_cast<const char*>(found.image.data()), found.image.size()};
}

struct Source {
  std::string name;
  std::vector<Found> found;
};

std::vector<Found> below(const std::string& folder, std::string_view ending) {
  std::vector<Found> found;
  std::error_code missing;
  for (const auto& entry : fs::recursive_directory_iterator(folder, missing)) {
    const std::string name = entry.path().filename().string();
    if (!name.ends_with(ending)) continue;
    if (auto image = tools::read_file(entry.path())) found.push_back({name, std::move(*image)});
  }
  std::sort(found.begin(), found.end(), [](const Found& a, const Found& b) { return a.name < b.name; });
  return found;
}

/// ir-keytable's objects are files; the others lie in executables.
std::vector<Source> sources(const fs::path& cache) {
  std::vector<Source> all;
  all.push_back({"xdp-tools", objects::in_executables("xdp-tools")});
  for (Found& each : below("/usr/lib/x86_64-linux-gnu/bpf", ".o")) all.back().found.push_back(std::move(each));
  all.push_back({"ir-keytable", below("/lib/udev/rc_keymaps/protocols", ".o")});
  all.push_back({"libbpf-tools", objects::in_executables("libbpf-tools")});
  all.push_back({"cilium/ebpf", below("/usr/share/gocode/src/github.com/cilium/ebpf", "-el.elf")});
  all.push_back({"selftests", below((cache / "selftests").string(), ".bpf.o")});
  all.push_back({"linked", below((cache / "linked").string(), ".linked.o")});
  const char* only = std::getenv("SKEP_REFEREE_ONLY");
  for (Source& source : all) {
    if (source.found.empty()) fmt::print("SKIP: no objects of {}\n", source.name);
    if (only != nullptr)
      std::erase_if(source.found, [only](const Found& each) { return each.name.find(only) == std::string::npos; });
  }
  return all;
}

/// libbpf's word on objects, asked for where it is not there yet.
class Witness {
 public:
  explicit Witness(fs::path cache) : cache_(std::move(cache)) {
    std::uint64_t seed = 0xcbf29ce484222325;
    for (const char* file : {"witness", "kernel.btf", "kernel.config"})
      if (const auto bytes = tools::read_file(cache_ / file)) seed = digest(seed, *bytes);
    reports_ = cache_ / fmt::format("reports-{:016x}", seed);
    for (const auto& entry : fs::directory_iterator(cache_))
      if (entry.path().filename().string().starts_with("reports") && entry.path() != reports_)
        fs::remove_all(entry.path());
    fs::create_directories(reports_);
  }

  bool ask(const std::vector<Found>& found) {
    const tools::Scratch scratch;
    std::string pairs;
    std::size_t waiting = 0;
    for (std::size_t i = 0; i < found.size(); ++i) {
      if (const fs::path report = report_of(found[i]); !fs::exists(report)) {
        pairs += " " + scratch.write(std::to_string(i) + ".o", bytes_of(found[i])) + " " + report.string();
        ++waiting;
      }
      if (waiting == 0 || (waiting < kBatch && i + 1 < found.size())) continue;
      const std::string command = (cache_ / "witness").string() + " " + (cache_ / "kernel.btf").string() + " " +
                                  (cache_ / "kernel.config").string() + pairs;
      if (!tools::output_of(command)) return false;
      pairs.clear();
      waiting = 0;
    }
    return true;
  }
  [[nodiscard]] Testimony about(const Found& found) const { return parse_testimony(text_of(report_of(found))); }

 private:
  [[nodiscard]] fs::path report_of(const Found& found) const {
    return reports_ / fmt::format("{:016x}.tsv", digest(0xcbf29ce484222325, found.image));
  }
  fs::path cache_, reports_;
};

/// What libbpf finds around an object on this machine, given to skep: addresses out of /proc/kallsyms, the
/// configuration of the kernel whose types are used, and what libbpf itself knows of a kernel.
loader::Surroundings surroundings(const fs::path& cache) {
  loader::Surroundings around;
  std::ifstream symbols("/proc/kallsyms");
  for (std::string line; std::getline(symbols, line);) {
    const std::size_t name = line.find(' ', line.find(' ') + 1) + 1;
    around.values.try_emplace(line.substr(name, line.find('\t', name) - name),
                              static_cast<std::uint64_t>(std::strtoull(line.c_str(), nullptr, 16)));
  }
  for (const char* name : {"LINUX_KERNEL_VERSION", "LINUX_HAS_BPF_COOKIE", "LINUX_HAS_SYSCALL_WRAPPER"})
    around.values.insert_or_assign(name, std::uint64_t{1});  // instructions do not hold them
  around.kconfig = [cache]() -> Result<loader::KconfigText> {
    return loader::KconfigText{"kernel.config", text_of(cache / "kernel.config")};
  };
  return around;
}

/// The numbers of one source.
struct Row {
  std::size_t objects = 0, unopened = 0, only_ours = 0, neither_opens = 0;
  Comparison sum;
  double slowest = 0;
  std::string slowest_name;
  std::size_t within_20 = 0;
};

using Causes = std::map<std::string, std::vector<std::string>>;

void note(Causes& causes, const std::string& object, const std::vector<Difference>& differences) {
  for (const Difference& each : differences)
    causes[each.cause].push_back(fmt::format("{}: {}: {}", object, each.subject, each.detail));
}

void add(Comparison& sum, const Comparison& one) {
  sum.equal += one.equal, sum.different += one.different, sum.refused += one.refused;
  sum.theirs += one.theirs, sum.neither += one.neither;
  sum.maps_equal += one.maps_equal, sum.maps_different += one.maps_different;
}

void print(const Causes& causes, std::string_view title) {
  const bool all = std::getenv("SKEP_REFEREE_ONLY") != nullptr || std::getenv("SKEP_REFEREE_ALL") != nullptr;
  std::vector<std::pair<std::size_t, std::string>> order;
  for (const auto& [cause, cases] : causes) order.emplace_back(cases.size(), cause);
  std::sort(order.rbegin(), order.rend());
  for (const auto& [count, cause] : order) {
    fmt::print("{} {:5}  {}\n", title, count, cause);
    const auto& cases = causes.at(cause);
    for (std::size_t i = 0; i < (all ? count : std::min(count, kShown)); ++i) fmt::print("             {}\n", cases[i]);
  }
}

class Comparer {
 public:
  Comparer(std::shared_ptr<const btf::Btf> types, loader::Surroundings around, const Witness& witness)
      : types_(std::move(types)), around_(std::move(around)), witness_(witness) {}

  Row run(const Source& source) {
    Row row;
    for (const Found& each : source.found) one(each, row);
    return row;
  }
  Causes causes, map_causes;

 private:
  void one(const Found& found, Row& row) {
    ++row.objects;
    const auto start = std::chrono::steady_clock::now();
    const auto ours = loader::parse_object(
        found.image, found.name, [this]() -> Result<std::shared_ptr<const btf::Btf>> { return types_; }, around_);
    const double time = std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - start).count();
    row.within_20 += time <= 20;
    if (time > row.slowest) row.slowest = time, row.slowest_name = found.name;
    const Testimony theirs = witness_.about(found);
    if (theirs.refused) {
      ++(ours ? row.only_ours : row.neither_opens);
      if (!ours) causes["(neither opens the object)"].push_back(found.name + ": " + ours.error().message());
      return;
    }
    if (!ours) {
      ++row.unopened;
      const auto loaded = static_cast<std::size_t>(std::count_if(theirs.programs.begin(), theirs.programs.end(),
                                                                 [](const TheirProgram& each) { return each.loaded; }));
      row.sum.refused += loaded;
      for (std::size_t i = 0; i < std::max<std::size_t>(loaded, 1); ++i)
        causes["object not opened"].push_back(found.name + ": " + ours.error().message());
      return;
    }
    const Comparison result = compare(*ours, theirs, *types_);
    note(causes, found.name, result.differences);
    note(map_causes, found.name, result.map_differences);
    add(row.sum, result);
  }

  std::shared_ptr<const btf::Btf> types_;
  loader::Surroundings around_;
  const Witness& witness_;
};

void print_row(std::string_view name, const Row& row) {
  fmt::print("{:13} {:7} {:8} {:9} {:7} | {:8} {:9} {:7} {:6} {:7} | {:6} {:9} | {:7.1f} ms {:4}\n", name, row.objects,
             row.unopened, row.only_ours, row.neither_opens, row.sum.equal, row.sum.different, row.sum.refused,
             row.sum.theirs, row.sum.neither, row.sum.maps_equal, row.sum.maps_different, row.slowest, row.within_20);
}

/// What a command costs, best of a few runs: milliseconds of the processor, MiB resident.
struct Cost {
  double milliseconds = 1e9, mebibytes = 1e9;
};
Cost cost_of(const std::string& command, int rounds) {
  Cost least;
  for (int round = 0; round < rounds; ++round) {
    Cost cost;
    const auto said = tools::output_of(std::string(SKEP_COST_METER) + " " + command);
    if (!said || std::sscanf(said->c_str(), "%lf %lf", &cost.milliseconds, &cost.mebibytes) != 2) return {};
    least.milliseconds = std::min(least.milliseconds, cost.milliseconds);
    least.mebibytes = std::min(least.mebibytes, cost.mebibytes);
  }
  return least;
}

/// Runs `skep inspect` on all objects, which SKEP_COMMAND names, and says which took longest.
double measure_inspect(const std::vector<Source>& all, const fs::path& cache, const std::string& skep) {
  const tools::Scratch scratch;
  std::size_t count = 0, within_20 = 0;
  double slowest = 0;
  std::string slowest_name;
  for (const Source& source : all)
    for (const Found& each : source.found) {
      const std::string path = scratch.write("inspected.o", bytes_of(each));
      if (!loader::parse_object(each.image, each.name)) continue;
      const Cost cost = cost_of(skep + " inspect " + path + " --btf " + (cache / "kernel.btf").string(), 1);
      ++count;
      within_20 += cost.milliseconds <= 20;
      if (cost.milliseconds > slowest) slowest = cost.milliseconds, slowest_name = each.name;
    }
  fmt::print("inspect: {} of {} objects within 20 ms of processor time, slowest {:.0f} ms ({})\n", within_20, count,
             slowest, slowest_name);
  return slowest;
}

/// Opens and relocates the largest object of libbpf-tools against all of a kernel's types, each in a process of its
/// own.
void measure_largest(const std::vector<Source>& all, const fs::path& cache, const std::string& skep) {
  const auto tools_source =
      std::find_if(all.begin(), all.end(), [](const Source& source) { return source.name == "libbpf-tools"; });
  if (tools_source == all.end() || tools_source->found.empty()) return;
  const Found& largest =
      *std::max_element(tools_source->found.begin(), tools_source->found.end(),
                        [](const Found& a, const Found& b) { return a.image.size() < b.image.size(); });
  const tools::Scratch scratch;
  const std::string path = scratch.write("largest.o", bytes_of(largest)), types = (cache / "kernel.btf").string();
  constexpr int kRounds = 5;
  const Cost ours = cost_of(skep + " inspect " + path + " --btf " + types, kRounds);
  const Cost theirs =
      cost_of(fmt::format("{} {} {} {}", (cache / "witness").string(), types, (cache / "kernel.config").string(), path),
              kRounds);
  fmt::print("{}, the largest of libbpf-tools: skep inspect {:.0f} ms, {:.1f} MiB; libbpf {:.0f} ms, {:.1f} MiB\n",
             largest.name, ours.milliseconds, ours.mebibytes, theirs.milliseconds, theirs.mebibytes);
}

TEST_CASE("objects are what libbpf makes of them") {
  const char* folder = std::getenv("SKEP_REFEREE_CACHE");
  if (folder == nullptr) {
    MESSAGE("SKIP: all objects are compared with libbpf by make referee");
    return;
  }
  const fs::path cache = folder;
  const auto bytes = tools::read_file(cache / "kernel.btf");
  REQUIRE(bytes);
  const auto types = loader::parse_target_btf(*bytes, "kernel.btf");
  REQUIRE_MESSAGE(types.has_value(), types.error().message());
  Witness witness(cache);
  Comparer comparer(*types, surroundings(cache), witness);
  Row total;
  fmt::print("{:13} {:>7} {:>8} {:>9} {:>7} | {:>8} {:>9} {:>7} {:>6} {:>7} | {:>6} {:>9} | {:>10} {:>4}\n", "", "", "",
             "only skep", "neither", "programs", "", "refused", "only", "", "maps", "", "slowest", "20");
  fmt::print("{:13} {:>7} {:>8} {:>9} {:>7} | {:>8} {:>9} {:>7} {:>6} {:>7} | {:>6} {:>9} | {:>10} {:>4}\n", "source",
             "objects", "unopened", "opens", "opens", "equal", "different", "by skep", "skep", "neither", "equal",
             "different", "open", "ms");
  const std::vector<Source> all = sources(cache);
  for (const Source& source : all) {
    REQUIRE(witness.ask(source.found));
    const Row row = comparer.run(source);
    print_row(source.name, row);
    total.objects += row.objects, total.unopened += row.unopened, total.only_ours += row.only_ours;
    total.neither_opens += row.neither_opens, total.within_20 += row.within_20;
    total.slowest = std::max(total.slowest, row.slowest);
    add(total.sum, row.sum);
  }
  print_row("all", total);
  print(comparer.causes, "programs");
  print(comparer.map_causes, "maps    ");
  if (const char* skep = std::getenv("SKEP_COMMAND"); skep != nullptr) {
    CHECK(measure_inspect(all, cache, skep) <= 1000);
    measure_largest(all, cache, skep);
  }
  fmt::print("relocations: {} equal, {} different, {} refused\n", total.sum.equal, total.sum.different,
             total.sum.refused);
  std::fflush(stdout);
  CHECK(total.sum.equal * 100 >= (total.sum.equal + total.sum.different + total.sum.refused) * 99);
  CHECK(total.slowest <= 1000);
}

}  // namespace
}  // namespace skep::referee
