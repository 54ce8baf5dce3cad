#include "soundness/raw_tests.hpp"

#include <array>
#include <cstring>
#include <fstream>
#include <map>
#include <string>

#include <nlohmann/json.hpp>

#include "soundness/ground.hpp"

namespace skep::soundness {
namespace {

using nlohmann::json;

std::vector<Insn> insns_of(const std::string& hex) {
  std::vector<Insn> insns(hex.size() / 16);
  for (std::size_t i = 0; i < insns.size(); ++i) {
    std::array<std::uint8_t, sizeof(Insn)> bytes{};
    for (std::size_t k = 0; k < bytes.size(); ++k)
      bytes[k] = static_cast<std::uint8_t>(std::stoul(hex.substr(16 * i + 2 * k, 2), nullptr, 16));
    std::memcpy(static_cast<void*>(&insns[i]), bytes.data(), bytes.size());
  }
  return insns;
}

/// False when the test wants a map that Ground has not.
bool name_maps(const json& test, std::vector<Insn>& insns) {
  static const std::map<std::string, std::int32_t> places{
      {"fixup_map_array_48b", kArrayMap},  {"fixup_map_hash_8b", kSmallHashMap},   {"fixup_map_hash_48b", kHashMap},
      {"fixup_map_array_small", kByteMap}, {"fixup_map_event_output", kEventsMap}, {"fixup_map_ringbuf", kRingMap},
  };
  for (const auto& [name, pcs] : test["fixups"].items()) {
    const auto found = places.find(name);
    if (found == places.end()) return false;
    for (const auto& pc : pcs) insns[pc.get<std::size_t>()].imm = found->second;
  }
  return true;
}

}  // namespace

std::vector<Generated> raw_tests() {
  std::ifstream file("../shared/conformance/verifier/test_verifier.json");
  std::vector<Generated> programs;
  if (!file) return programs;
  for (const json& test : json::parse(file)) {
    if (!test["kfunc_fixups"].empty() || !test["kfunc"].get<std::string>().empty()) continue;
    Generated program;
    program.type = static_cast<ProgType>(test["prog_type"].get<std::uint32_t>());
    if (program.type == ProgType::unspec) program.type = ProgType::socket_filter;
    program.insns = insns_of(test["insns"]);
    if (name_maps(test, program.insns) && program.insns.size() < 4096) programs.push_back(std::move(program));
  }
  return programs;
}

}  // namespace skep::soundness
