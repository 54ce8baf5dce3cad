// The log in Linux' format, beside the running kernel's own of the same programs: instruction lines are the same, and
// so is what registers and slots hold after each step.
//
// Ids are numbered from the first that appears in a log; the kernel's notes on precision have no counterpart.
#include <doctest/doctest.h>

#include <algorithm>
#include <map>
#include <regex>
#include <sstream>
#include <string>
#include <vector>

#include "isa/text.hpp"
#include "support/kernel.hpp"
#include "support/kernel_map.hpp"
#include "verifier/diagnose/kernel_log.hpp"

namespace skep::verifier {
namespace {

struct Sample {
  const char* name;
  ProgType type;
  const char* text;
  bool straight = true;  ///< no branch is taken later: both walk the same way
};

constexpr Sample kSamples[] = {
    {"constants", ProgType::socket_filter,
     "r0 = 0\nr1 = -1\nr2 = 65535\nr3 = 65536\nw4 = -1\nr5 = 0x123456789abcdef ll\nr0 += 7\nr0 <<= 20\nr0 = 0\nexit\n"},
    {"numbers", ProgType::socket_filter,
     "r6 = *(u32 *)(r1 + 0)\nr7 = *(u32 *)(r1 + 4)\nr6 &= 255\nr7 <<= 3\nr8 = r6\nr8 += r7\nr8 *= 3\nr9 = r6\nr9 <<= "
     "1\nr9 -= "
     "300\n"
     "r9 s>>= 1\nw9 += 1\nr6 |= 4096\nr6 ^= 1\nr7 >>= 9\nr0 = 0\nexit\n"},
    {"spills", ProgType::socket_filter,
     "r6 = r1\nr7 = *(u32 *)(r6 + 0)\n*(u64 *)(r10 - 8) = r6\n*(u64 *)(r10 - 16) = r7\n*(u32 *)(r10 - 24) = r7\n"
     "*(u8 *)(r10 - 32) = 0\n*(u16 *)(r10 - 38) = r7\nr2 = *(u64 *)(r10 - 16)\nr3 = *(u64 *)(r10 - 8)\nr4 = r10\n"
     "r4 += -16\n*(u64 *)(r4 + 0) = 5\nr0 = 0\nexit\n"},
    {"packet", ProgType::xdp,
     "r2 = *(u32 *)(r1 + 0)\nr3 = *(u32 *)(r1 + 4)\nr4 = r2\nr4 += 14\nif r4 > r3 goto end\nr5 = *(u16 *)(r2 + 12)\n"
     "r2 += 14\nr5 = *(u8 *)(r2 - 1)\nend:\nr0 = 2\nexit\n",
     false},
    {"look-up", ProgType::socket_filter,
     "*(u32 *)(r10 - 4) = 9\nr2 = r10\nr2 += -4\nr1 = {array} ll\ncall 1\nif r0 == 0 goto end\nr6 = r0\n"
     "r7 = *(u64 *)(r6 + 8)\n*(u32 *)(r6 + 0) = 1\nr7 &= 15\nr6 += r7\nr7 = *(u8 *)(r6 + 0)\nend:\nr0 = 0\nexit\n",
     false},
    {"call", ProgType::socket_filter, "r6 = 5\nr1 = r6\ncall pc+0x2\nr0 += 1\nexit\nr0 = r1\nr0 += 3\nexit\n"},
    {"branches", ProgType::socket_filter,
     "r6 = *(u32 *)(r1 + 0)\nr7 = *(u32 *)(r1 + 4)\nif r6 > 7 goto end\nif w7 s< 3 goto end\nif r6 == r7 goto end\n"
     "r8 = 1\nr8 <<= r6\nend:\nr0 = 0\nexit\n",
     false},
    {"refused", ProgType::xdp, "r2 = *(u32 *)(r1 + 0)\nr0 = *(u8 *)(r2 + 12)\nexit\n"},
};

constexpr std::int32_t kMapMark = 0x6d617000;

const MapSpec& array_spec() {
  static const MapSpec spec{.name = "array", .type = MapType::array, .key_size = 4, .value_size = 64, .max_entries = 1};
  return spec;
}

std::vector<Insn> insns_of(const Sample& sample, std::int32_t map) {
  std::string text = sample.text;
  if (const auto at = text.find("{array}"); at != std::string::npos) text.replace(at, 7, std::to_string(kMapMark));
  auto insns = isa::assemble(text);
  REQUIRE_MESSAGE(insns, std::string(sample.name));
  for (Insn& insn : *insns) {
    if (insn.opcode != 0x18 || insn.imm != kMapMark) continue;
    insn.imm = map;
    insn.src = 1;
  }
  return *insns;
}

std::string our_log(const Sample& sample, unsigned level) {
  program::Program program;
  program.type = sample.type;
  program.license = "GPL";
  program.insns = insns_of(sample, 0);
  const std::vector<MapInfo> maps{{&array_spec(), {}}};
  Input input;
  input.program = &program;
  input.maps = maps;
  std::string log;
  (void)write_kernel_log(input, level, [&](std::string_view text) { log += text; });
  return log;
}

std::string kernel_log(const Sample& sample, int map) {
  const std::vector<Insn> insns = insns_of(sample, map);
  std::string log(1 << 20, '\0');
  bpf_attr attr{};
  attr.prog_type = static_cast<std::uint32_t>(sample.type);
  attr.insns = reinterpret_cast<std::uint64_t>(insns.data());
  attr.insn_cnt = static_cast<std::uint32_t>(insns.size());
  attr.license = reinterpret_cast<std::uint64_t>("GPL");
  attr.log_level = 2;
  attr.log_buf = reinterpret_cast<std::uint64_t>(log.data());
  attr.log_size = static_cast<std::uint32_t>(log.size());
  const kernel::Descriptor program(kernel::call(BPF_PROG_LOAD, attr));
  log.resize(log.find('\0'));
  return log;
}

/// What one step left behind: " R1=ctx() R2=5".
struct LogStep {
  std::string insn, state;
};

/// Ids as 1, 2, … in order of appearance; addresses of maps and marks of precision gone.
std::string normalised(std::string text, std::map<std::string, int>& ids) {
  text = std::regex_replace(text, std::regex("=P(-?[0-9]|scalar)"), "=$1");
  text = std::regex_replace(text, std::regex("map=array,"), "");
  std::string result;
  const std::regex id("\\bid=([0-9]+)");
  for (std::smatch match; std::regex_search(text, match, id); text = match.suffix()) {
    const int number = ids.emplace(match[1], static_cast<int>(ids.size()) + 1).first->second;
    result += match.prefix().str() + "id=" + std::to_string(number);
  }
  return result + text;
}

std::vector<LogStep> steps_of(const std::string& log) {
  std::vector<LogStep> steps;
  std::map<std::string, int> ids;
  std::istringstream lines(log);
  const std::regex step("^([0-9]+: \\([0-9a-f]{2}\\) .*?)(\\s+;(.*))?$");
  const std::regex alone("^[0-9]+:((?: frame[0-9]+:)? (?:R|fp).*)$");
  for (std::string line; std::getline(lines, line);) {
    std::smatch match;
    // Where something was printed in between, the state has a line of its own.
    if (std::regex_match(line, match, alone) && !steps.empty() && steps.back().state.empty())
      steps.back().state = normalised(match[1].str(), ids);
    if (!std::regex_match(line, match, step)) continue;
    std::string insn = std::regex_replace(match[1].str(), std::regex("(\\(18\\) r[0-9] = )0x[0-9a-f]*$"), "$1…");
    steps.push_back({insn, normalised(match[3].str(), ids)});
  }
  return steps;
}

TEST_CASE("the log's steps are the running kernel's, and so are the registers and slots after each") {
  if (const auto reason = kernel::unavailable_or_older()) {
    MESSAGE("SKIP: " << *reason);
    return;
  }
  const kernel::KernelMap map(array_spec());
  REQUIRE(map.error() == 0);
  for (const Sample& sample : kSamples) {
    CAPTURE(std::string(sample.name));
    const std::string ours_text = our_log(sample, 2), theirs_text = kernel_log(sample, map.fd());
    const auto ours = steps_of(ours_text), theirs = steps_of(theirs_text);
    CAPTURE(ours_text);
    CAPTURE(theirs_text);
    REQUIRE(ours.size() > 1);
    if (sample.straight) CHECK(ours.size() == theirs.size());
    for (std::size_t i = 0; i < std::min(ours.size(), theirs.size()); ++i) {
      CHECK(ours[i].insn == theirs[i].insn);
      CHECK(ours[i].state == theirs[i].state);
    }
  }
}

TEST_CASE("level 1 has the path to the refusal and nothing else, level 2 all paths") {
  const Sample sample{
      "", ProgType::socket_filter,
      "r0 = 0\nr6 = *(u32 *)(r1 + 0)\nif r6 == 7 goto bad\nr0 = 1\nr0 += 1\nexit\nbad:\nr0 = r9\nexit\n"};
  const std::string path = our_log(sample, 1), all = our_log(sample, 2);
  CHECK_MESSAGE(path.find("(07) r0 += 1") == std::string::npos, path);
  CHECK(all.find("(07) r0 += 1") != std::string::npos);
  for (const std::string& log : {path, all}) {
    CHECK_MESSAGE(log.find("\nfrom 2 to 6: R0=0 R1=ctx() R6=7 R10=fp0\n") != std::string::npos, log);
    CHECK(log.find("\n6: (bf) r0 = r9\nr9 is read, but nothing was written to it on this path\nprocessed ") !=
          std::string::npos);
    CHECK(log.ends_with("mark_read 0\n"));
  }
  CHECK(path.starts_with("0: R1=ctx() R10=fp0\n0: (b7) r0 = 0                        ; R0=0\n"));
}

TEST_CASE("an accepted program leaves nothing but the numbers at level 1") {
  const std::string log = our_log({"", ProgType::socket_filter, "r0 = 0\nexit\n"}, 1);
  CHECK_MESSAGE(log.find("processed 2 insns (limit 1000000) max_states_per_insn 0 total_states 0") != std::string::npos,
                log);
}

}  // namespace
}  // namespace skep::verifier
