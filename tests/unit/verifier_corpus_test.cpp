// The raw-instruction tests of Linux' own suite, with the verdicts it expects: what skep accepts and refuses alike.
//
// Data: ../shared/conformance/verifier/test_verifier.json. What the verifier says it does not judge yet is counted, not
// forgiven: the floors below only ever go up.
#include <doctest/doctest.h>

#include <array>
#include <cstring>
#include <fstream>
#include <iostream>
#include <map>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "verifier/input.hpp"

namespace skep::verifier {
namespace {

using nlohmann::json;

constexpr const char* kFile = "../shared/conformance/verifier/test_verifier.json";

std::vector<Insn> insns_of(const std::string& hex) {
  std::vector<Insn> insns;
  for (std::size_t at = 0; at + 16 <= hex.size(); at += 16) {
    std::array<std::uint8_t, 8> bytes{};
    for (std::size_t i = 0; i < 8; ++i)
      bytes[i] = static_cast<std::uint8_t>(std::stoul(hex.substr(at + 2 * i, 2), nullptr, 16));
    Insn insn;
    std::memcpy(static_cast<void*>(&insn), bytes.data(), sizeof insn);
    insns.push_back(insn);
  }
  return insns;
}

MapSpec map_spec(MapType type, std::uint32_t key, std::uint32_t value, std::uint32_t entries) {
  MapSpec spec;
  spec.type = type;
  spec.key_size = key;
  spec.value_size = value;
  spec.max_entries = entries;
  return spec;
}

const std::map<std::string, MapSpec>& fixup_maps() {
  static const std::map<std::string, MapSpec> maps{
      {"fixup_map_array_48b", map_spec(MapType::array, 4, 48, 1)},
      {"fixup_map_hash_8b", map_spec(MapType::hash, 8, 8, 1)},
      {"fixup_map_hash_48b", map_spec(MapType::hash, 8, 48, 1)},
      {"fixup_map_array_small", map_spec(MapType::array, 4, 1, 1)},
      {"fixup_map_event_output", map_spec(MapType::perf_event_array, 4, 4, 1)},
      {"fixup_map_ringbuf", map_spec(MapType::ringbuf, 0, 0, 4096)},
  };
  return maps;
}

struct Tally {
  unsigned same = 0, too_strict = 0, too_lax = 0, later = 0;
};

struct Case {
  program::Program program;
  std::vector<MapInfo> maps;
  bool judged = true;  ///< false when it needs what only the suite's kernel module has
};

Case make_case(const json& test) {
  Case c;
  c.program.name = test["descr"];
  c.program.type = static_cast<ProgType>(test["prog_type"].get<std::uint32_t>());
  if (c.program.type == ProgType::unspec) c.program.type = ProgType::socket_filter;
  c.program.expected_attach_type = test["attach_type"];
  c.program.license = "GPL";
  c.program.insns = insns_of(test["insns"]);
  constexpr std::uint32_t kSleepable = 1u << 4;
  c.program.sleepable = (test["flags"].get<std::uint32_t>() & kSleepable) != 0;
  c.judged = test["kfunc_fixups"].empty() && test["kfunc"].get<std::string>().empty();
  for (const auto& [name, places] : test["fixups"].items()) {
    const auto found = fixup_maps().find(name);
    if (found == fixup_maps().end()) {
      c.judged = false;
      continue;
    }
    for (const auto& place : places)
      c.program.insns[place.get<std::size_t>()].imm = static_cast<std::int32_t>(c.maps.size());
    c.maps.push_back({&found->second, {}});
  }
  return c;
}

/// Compares a verdict with the one expected; prints and counts.
void judge(const json& test, const Case& c, const Input& input, bool expected, Tally& tally) {
  const Report report = verify(input);
  if (report.accepted() == expected) {
    ++tally.same;
    return;
  }
  const Finding* finding = report.accepted() ? nullptr : &report.findings.front();
  if (finding != nullptr && is_unsupported(finding->code)) {
    ++tally.later;
  } else {
    ++(expected ? tally.too_strict : tally.too_lax);
  }
  std::cout << fmt::format("{} {:3} {} ({}): {}\n",
                           finding == nullptr              ? "lax   "
                           : is_unsupported(finding->code) ? "later "
                                                           : "strict",
                           test["n"].get<int>(), c.program.name, static_cast<unsigned>(c.program.type),
                           finding == nullptr ? "expected: " + test["errstr"].get<std::string>()
                                              : fmt::format("insn {}: {}", finding->pc, text_of(*finding)));
}

/// The suite runs these as an unprivileged user, too.
bool runs_unprivileged(const Case& c) {
  return c.program.type == ProgType::socket_filter || c.program.type == ProgType::cgroup_skb;
}

void print(std::string_view title, const Tally& tally) {
  std::cout << fmt::format("{}: {} same, {} too strict, {} too lax, {} not supported\n", title, tally.same,
                           tally.too_strict, tally.too_lax, tally.later);
}

TEST_CASE("programs of Linux' raw test suite get the verdict that it expects") {
  std::ifstream file(kFile);
  if (!file) {
    MESSAGE("SKIP: " << kFile << " is not here");
    return;
  }
  const json tests = json::parse(file);
  Tally tally, unprivileged;
  for (const json& test : tests) {
    Case c = make_case(test);
    if (!c.judged) {
      ++tally.later;
      continue;
    }
    Input input;
    input.program = &c.program;
    input.maps = c.maps;
    constexpr std::uint32_t kStrictAlignment = 2, kTestStateFrequency = 8;  // as the suite numbers them
    const auto flags = test["flags"].get<std::uint32_t>();
    input.options.strict_alignment = (flags & kStrictAlignment) != 0;
    input.options.check_often = (flags & kTestStateFrequency) != 0;
    constexpr int kUnsaid = 0, kRefused = 2;  // results, as the suite numbers them
    const int result = test["result"], other = test["result_unpriv"];
    judge(test, c, input, result != kRefused, tally);
    if (!runs_unprivileged(c)) continue;
    input.options.privileges = {false, false, false};
    judge(test, c, input, (other == kUnsaid ? result : other) != kRefused, unprivileged);
  }
  print("verdicts", tally);
  CHECK(tally.same >= 478);
  CHECK(tally.too_strict == 0);
  CHECK(tally.too_lax == 0);
  CHECK(tally.later <= 39);
  print("verdicts (unprivileged)", unprivileged);
  CHECK(unprivileged.same >= 100);
  CHECK(unprivileged.too_strict == 0);
  CHECK(unprivileged.too_lax == 0);
}

TEST_CASE("a map of maps that does not say what it holds is refused, with a template its maps can be used") {
  program::Program program;
  program.type = ProgType::xdp;
  // *(u32 *)(fp - 4) = 0; r0 = lookup(map 0, fp - 4); if (r0) r0 = lookup(r0, fp - 4); return 0
  program.insns = {
      {0x62, 10, 0, -4, 0}, {0xbf, 2, 10, 0, 0}, {0x07, 2, 0, 0, -4}, {0x18, 1, 1, 0, 0},  {},
      {0x85, 0, 0, 0, 1},   {0x15, 0, 0, 4, 0},  {0xbf, 1, 0, 0, 0},  {0xbf, 2, 10, 0, 0}, {0x07, 2, 0, 0, -4},
      {0x85, 0, 0, 0, 1},   {0xb7, 0, 0, 0, 0},  {0x95, 0, 0, 0, 0}};
  MapSpec outer = map_spec(MapType::array_of_maps, 4, 4, 1);
  const std::array maps{MapInfo{&outer, {}}};
  Input input;
  input.program = &program;
  input.maps = maps;
  const Report without = verify(input);
  REQUIRE(!without.accepted());
  CHECK(without.findings.front().code == Code::map_without_template);
  outer.inner = std::make_shared<const MapSpec>(map_spec(MapType::array, 4, 8, 1));
  CHECK(verify(input).accepted());
}

TEST_CASE("only the value of a map with one value has an address") {
  program::Program program;
  // r1 = value of map 0; r0 = *(u8 *)(r1 + 0); return 0
  program.insns = {{0x18, 1, 2, 0, 0}, {}, {0x71, 0, 1, 0, 0}, {0xb7, 0, 0, 0, 0}, {0x95, 0, 0, 0, 0}};
  program.type = ProgType::socket_filter;
  for (const std::uint32_t entries : {1u, 2u}) {
    const MapSpec spec = map_spec(MapType::array, 4, 8, entries);
    const std::array maps{MapInfo{&spec, {}}};
    Input input;
    input.program = &program;
    input.maps = maps;
    const Report report = verify(input);
    CHECK(report.accepted() == (entries == 1));
    if (entries != 1) CHECK(report.findings.front().code == Code::map_value_address);
  }
}

}  // namespace
}  // namespace skep::verifier
