// Opening and relocating the largest object of Debian's libbpf-tools against the running kernel's types: skep beside
// libbpf, and parsing those types alone.
//
// Each side is a process of its own that does this one thing and says what it took; they take turns. Printed is the
// least of all rounds, for what others on the machine add is never negative.
#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <limits>
#include <string>
#include <vector>

#include <fmt/format.h>

#include "support/objects.hpp"
#include "support/tools.hpp"

namespace {

using namespace skep;

constexpr const char* kTypes = "/sys/kernel/btf/vmlinux";
constexpr int kRounds = 15;

struct Side {
  std::string name, command;
  double micros = std::numeric_limits<double>::max();
  long kib = std::numeric_limits<long>::max();

  bool run() {
    const auto said = tools::output_of(command);
    double took = 0;
    long peak = 0;
    if (!said || std::sscanf(said->c_str(), "%lf %ld", &took, &peak) != 2) return false;
    micros = std::min(micros, took);
    kib = std::min(kib, peak);
    return true;
  }
};

int give_up(const std::string& why) {
  fmt::print("SKIP: {}\n", why);
  return 0;
}

void print(const std::vector<Side>& sides, const std::string& object, std::size_t object_bytes) {
  fmt::print("BTF and CO-RE: {} ({} bytes) against {} ({} bytes), least of {} rounds\n\n", object, object_bytes, kTypes,
             std::filesystem::file_size(kTypes), kRounds);
  fmt::print("  {:<34} {:>10} {:>12}\n", "process", "ms", "peak KiB");
  for (const Side& each : sides) fmt::print("  {:<34} {:>10.2f} {:>12}\n", each.name, each.micros / 1e3, each.kib);
  fmt::print("\n  skep takes {:.0f} % of libbpf's time and {:.1f} % of its memory\n",
             100 * sides[0].micros / sides[1].micros,
             100 * static_cast<double>(sides[0].kib) / static_cast<double>(sides[1].kib));
}

}  // namespace

int main() {
  const auto found = objects::in_executables("libbpf-tools");
  if (found.empty()) return give_up("package libbpf-tools is not installed");
  if (!std::filesystem::exists(kTypes)) return give_up(std::string("there is no ") + kTypes);
  const auto largest = std::max_element(found.begin(), found.end(),
                                        [](const auto& a, const auto& b) { return a.image.size() < b.image.size(); });
  const tools::Scratch scratch;
  const std::string path =
      scratch.write("object.o", {reinterpret_cast<const char*>(largest->image.data()), largest->image.size()});
  std::vector<Side> sides = {{"skep: open and relocate", fmt::format(SKEP_SIDE " {} {}", path, kTypes)},
                             {"libbpf: open and load, no kernel", fmt::format(LIBBPF_SIDE " {}", path)},
                             {"skep: parse the types alone", fmt::format(SKEP_SIDE " --parse {}", kTypes)}};
  for (int round = 0; round < kRounds; ++round)
    for (Side& each : sides)
      if (!each.run()) return std::fprintf(stderr, "%s: failed\n", each.command.c_str()), 1;
  print(sides, largest->name, largest->image.size());
}
