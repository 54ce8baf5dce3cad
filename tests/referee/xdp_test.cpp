// The XDP programs of Debian's xdp-tools and of the demo, packet by packet, here and in the running kernel: verdicts,
// packets and maps must be the same. What one side cannot run is listed with the reason.
#include <doctest/doctest.h>

#include <sched.h>

#include <algorithm>
#include <array>

#include <fmt/format.h>

#include "loader/object_spec.hpp"
#include "program/program.hpp"
#include "referee/twin.hpp"
#include "support/objects.hpp"

using namespace skep;
using namespace skep::referee;

namespace {

std::vector<std::byte> bytes_of(const auto& value) {
  const auto bytes = std::as_bytes(std::span(&value, 1));
  return {bytes.begin(), bytes.end()};
}

/// Keeps this thread, and with it the kernel's test runs and our runs, on the first CPU.
void stay_on_first_cpu() {
  cpu_set_t first;
  CPU_ZERO(&first);
  CPU_SET(0, &first);
  REQUIRE(::sched_setaffinity(0, sizeof(first), &first) == 0);
}

/// The same flags for every CPU.
std::vector<std::byte> per_cpu_flags(std::uint64_t flags) {
  std::vector<std::byte> value;
  for (unsigned cpu = 0; cpu < kernel::possible_cpus(); ++cpu) {
    const auto bytes = bytes_of(flags);
    value.insert(value.end(), bytes.begin(), bytes.end());
  }
  return value;
}

/// xdp-filter's rules: match as source, as destination, or both; ports also name their protocols.
void fill_filter(Twin& twin, const Seen& seen) {
  constexpr std::uint64_t kTcp = 4, kUdp = 8;
  const auto fill = [&](std::string_view map, const std::vector<Frame>& keys, std::uint64_t extra) {
    for (std::size_t i = 0; i < keys.size(); ++i) twin.put(map, keys[i], per_cpu_flags(1 + i % 3 + extra));
  };
  fill("filter_ethernet", seen.macs, 0);
  fill("filter_ipv4", seen.ipv4, 0);
  fill("filter_ipv6", seen.ipv6, 0);
  fill("filter_ports", seen.ports, kTcp + kUdp);
}

/// Redirect maps lead to the loopback device and the first CPU.
void fill_redirects(Twin& twin) {
  const std::uint32_t zero = 0, one = 1;
  struct Target {
    std::uint32_t where;
    std::uint32_t program;
  };
  for (const char* map : {"tx_port", "tx_port_native"}) twin.put(map, bytes_of(zero), bytes_of(Target{1, 0}));
  twin.put("tx_port_general", bytes_of(zero), bytes_of(one));
  twin.put("cpu_map", bytes_of(zero), bytes_of(Target{128, 0}));
  twin.put("cpus_count", bytes_of(zero), bytes_of(one));
}

/// Overwrites the first bytes of a global variable. False when there is no such variable.
bool set(OpenObject& object, const char* name, std::span<const std::byte> bytes) {
  const auto variable = object.variable(name);
  if (!variable || variable->size() < bytes.size()) return false;
  auto value = variable->read();
  if (!value) return false;
  std::copy(bytes.begin(), bytes.end(), value->begin());
  return variable->write(*value).has_value();
}

/// Sets what the programs' loaders would set; false when the object has none of it.
bool configure(OpenObject& object) {
  struct Setting {
    const char* name;
    std::uint32_t value;
    std::size_t bytes;
  };
  static constexpr Setting kSettings[] = {{"nr_cpus", 2, 4},   {"action", 3, 4},    {"ifindex_out", 1, 4},
                                          {"read_data", 1, 1}, {"swap_macs", 1, 1}, {"rxq_stats", 1, 1}};
  bool any = false;
  for (const Setting& setting : kSettings)
    any = set(object, setting.name, std::as_bytes(std::span(&setting.value, 1)).first(setting.bytes)) || any;
  // libxdp's dispatcher: ten programs, each of which lets the next one run.
  struct Dispatcher {
    std::uint8_t magic = 236, version = 2, programs = 10, frags = 0;
    std::array<std::uint32_t, 10> chain_call_actions;
  } dispatcher;
  dispatcher.chain_call_actions.fill(std::uint32_t{1} << 31);
  return set(object, "conf", bytes_of(dispatcher)) || any;
}

struct Tally {
  unsigned same = 0, different = 0, skipped = 0;
};

void line(const std::string& object, const std::string& program, const std::string& text) {
  fmt::print("{:<24} {:<28} {}\n", object, program, text);
}

/// "drop 12, pass 1900".
std::string format_verdicts(const std::array<unsigned, 6>& counts) {
  static constexpr std::array<const char*, 6> kNames{"aborted", "drop", "pass", "tx", "redirect", "other"};
  std::string text;
  for (std::size_t i = 0; i < counts.size(); ++i)
    if (counts[i] != 0) text += fmt::format("{}{} {}", text.empty() ? "" : ", ", kNames[i], counts[i]);
  return text;
}

/// Sends everything through both; what differs first, empty when nothing does.
std::string compare(Twin& twin, const std::vector<Frame>& frames, std::array<unsigned, 6>& verdicts) {
  for (std::size_t i = 0; i < frames.size(); ++i) {
    const Outcome ours = twin.run_here(frames[i]), theirs = twin.run_in_kernel(frames[i]);
    ++verdicts[std::min<std::size_t>(theirs.verdict, verdicts.size() - 1)];
    if (ours == theirs) continue;
    if (ours.fault != theirs.fault) return fmt::format("packet {}: here {}, kernel {}", i, ours.fault, theirs.fault);
    if (ours.verdict != theirs.verdict)
      return fmt::format("packet {}: verdict {} here, {} in the kernel", i, ours.verdict, theirs.verdict);
    return fmt::format("packet {}: other bytes", i);
  }
  const auto maps = twin.different_maps();
  return maps.empty() ? "" : fmt::format("maps differ: {}", fmt::join(maps, ", "));
}

class Referee {
 public:
  Referee(const std::vector<Frame>& frames, const test::Road& road)
      : frames_(frames), seen_(look_at(frames_)), road_(road) {}

  void judge(const objects::Found& object) {
    const auto spec = loader::parse_object(object.image, object.name);
    if (!spec) return skip(object.name, "", spec.error().message());
    for (const auto& program : spec->programs)
      if (program->type == ProgType::xdp) judge(object, program->name);
  }
  [[nodiscard]] const Tally& tally() const { return tally_; }

 private:
  void judge(const objects::Found& object, const std::string& program) {
    for (const bool configured : {false, true}) {
      bool any = !configured;
      auto twin = Twin::make(object.image, program, road_, [&](OpenObject& open) { any = any || configure(open); });
      if (!twin) return skip(object.name, program, twin.error().message());
      if (!any) return;
      if (const auto loaded = twin->load(); !loaded) return skip(object.name, program, loaded.error().message());
      fill_filter(*twin, seen_);
      fill_redirects(*twin);
      std::array<unsigned, 6> verdicts{};
      const std::string difference = compare(*twin, frames_, verdicts);
      ++(difference.empty() ? tally_.same : tally_.different);
      line(object.name, program + (configured ? " (set)" : ""),
           difference.empty() ? "same: " + format_verdicts(verdicts) : "DIFFERENT: " + difference);
    }
  }
  void skip(const std::string& object, const std::string& program, const std::string& why) {
    ++tally_.skipped;
    line(object, program, "skipped: " + why);
  }

  const std::vector<Frame>& frames_;
  Seen seen_;
  test::Road road_;
  Tally tally_;
};

/// Every object once, however many executables carry it.
std::vector<objects::Found> xdp_tools() {
  std::vector<objects::Found> all = objects::in_folder("/usr/lib/x86_64-linux-gnu/bpf", ".o");
  const auto inside = objects::in_executables("xdp-tools");
  all.insert(all.end(), inside.begin(), inside.end());
  std::vector<objects::Found> once;
  for (objects::Found& object : all)
    if (std::ranges::find(once, object.image, &objects::Found::image) == once.end()) once.push_back(std::move(object));
  return once;
}

}  // namespace

TEST_CASE("XDP programs of xdp-tools and of the demo do here what they do in the running kernel") {
  if (const auto why = kernel::unavailable()) {
    MESSAGE("SKIP: ", *why);
    return;
  }
  const std::vector<Frame> frames = read_traffic(SKEP_EXAMPLES_DIR "/traffic.pcap");
  REQUIRE(frames.size() > 1000);
  stay_on_first_cpu();
  const auto tools = xdp_tools();
  if (tools.empty()) MESSAGE("SKIP: xdp-tools and libxdp1 are not installed");
  for (const test::Road& road : test::roads()) {
    Referee referee(frames, road);
    for (const objects::Found& object : objects::in_folder(SKEP_EXAMPLES_DIR, ".bpf.o")) referee.judge(object);
    const Tally& tally = referee.tally();
    CHECK(tally.same >= 2);  // counters and hello
    for (const objects::Found& object : tools) referee.judge(object);
    fmt::print("referee: {}: {} same, {} different, {} skipped\n", road.name, tally.same, tally.different,
               tally.skipped);
    test::print_tally("referee", road.name, tally.same, tally.different);
    CHECK(tally.different == 0);
    if (!tools.empty()) CHECK(tally.same >= 20);
  }
}
