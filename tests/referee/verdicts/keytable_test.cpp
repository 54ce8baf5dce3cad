// ir-keytable's objects as its own loader hands them to Linux: for infrared decoders, a program type that hardly any
// kernel has.
//
// That loader puts numbers where the objects load addresses of variables: what the keymap says, else what the variable
// holds. Each object is judged with its own numbers and with those of every keymap that Debian ships for it, and, to
// see refusals as well, with the addresses. Raw patterns, which no keymap of Debian's has, are made up. A kernel
// without CONFIG_BPF_LIRC_MODE2, such as Debian's, is asked about a twin: the same program for tc, whose context begins
// with a number, too, with helpers of the same signatures in place of the three for remote controls.
#include <doctest/doctest.h>

#include <algorithm>
#include <charconv>
#include <filesystem>
#include <fstream>
#include <map>

#include <fmt/format.h>

#include "loader/object_spec.hpp"
#include "referee/verdicts/matrix.hpp"
#include "support/kernel_map.hpp"
#include "support/kernel_verdict.hpp"
#include "support/objects.hpp"
#include "verifier/input.hpp"

namespace skep::referee {
namespace {

constexpr const char* kKeymaps = "/lib/udev/rc_keymaps";
constexpr std::uint32_t kStatisticsOnly = 4;  // log level; others may fill the log
constexpr std::uint8_t kLddw = 0x18, kCall = 0x85, kMapFd = 1, kMapValue = 2;

/// Helpers for remote controls, and tc's with the same arguments and results.
constexpr std::pair<std::int32_t, std::int32_t> kTwins[] = {
    {77, 17},  // rc_repeat, get_cgroup_classid: the context
    {78, 50},  // rc_keydown, skb_adjust_room: the context and three numbers
    {92, 43},  // rc_pointer_rel, skb_change_head: the context and two numbers
};

/// For the decoder of raw patterns, a pattern is a scan code and so many 16-bit lengths: as many as the longest of the
/// keymap has, here those of a frame in NEC's protocol. The loader sizes the map of patterns by that.
constexpr const char* kPatterns = "raw_map";
constexpr std::int32_t kLengths = 67, kTrailSpace = 10'000;

/// What a keymap says of a decoder: "header_pulse", 4500.
using Parameters = std::map<std::string, std::int32_t, std::less<>>;

struct Keymap {
  std::string name, protocol;
  Parameters parameters;
};

std::string unquoted(std::string text) {
  std::erase_if(text, [](char c) { return c == '"' || c == '\'' || c == ' '; });
  return text;
}

/// The protocols of one file of TOML as ir-keytable ships them: a line for each key, parameters before the scancodes.
std::vector<Keymap> read_keymap(const std::filesystem::path& path) {
  std::vector<Keymap> protocols;
  std::ifstream file(path);
  bool among_parameters = false;
  for (std::string line; std::getline(file, line);) {
    if (line.starts_with("[")) {
      among_parameters = line.starts_with("[[protocols]]");
      if (among_parameters) protocols.push_back({path.stem().string(), {}, {}});
      continue;
    }
    const std::size_t equals = line.find('=');
    if (!among_parameters || equals == std::string::npos) continue;
    const std::string key = unquoted(line.substr(0, equals)), value = unquoted(line.substr(equals + 1));
    if (key == "protocol") protocols.back().protocol = value;
    std::int32_t number = 0;
    if (const auto end = value.data() + value.size(); std::from_chars(value.data(), end, number).ptr == end)
      protocols.back().parameters[key] = number;
  }
  return protocols;
}

/// By protocol, which is the name of an object.
std::multimap<std::string, Keymap> read_keymaps() {
  std::multimap<std::string, Keymap> all;
  std::error_code missing;
  for (const auto& entry : std::filesystem::directory_iterator(kKeymaps, missing)) {
    if (entry.path().extension() != ".toml") continue;
    for (Keymap& each : read_keymap(entry.path())) all.emplace(each.protocol, std::move(each));
  }
  return all;
}

bool is_variables(const loader::MapDef& map) {
  return map.origin == loader::MapDef::Origin::data || map.origin == loader::MapDef::Origin::bss;
}

/// The number in place of a variable's address.
std::int32_t number_for(const loader::MapDef& map, std::uint32_t offset, const Parameters& parameters) {
  for (const loader::GlobalVar& variable : map.variables)
    if (variable.offset == offset)
      if (const auto found = parameters.find(variable.name); found != parameters.end()) return found->second;
  std::int32_t number = 0;
  if (offset + sizeof number <= map.contents.size()) std::memcpy(&number, map.contents.data() + offset, sizeof number);
  return number;
}

program::Program as_keytable_loads(const loader::ObjectSpec& object, const Parameters& parameters) {
  program::Program program = *object.programs.front();
  for (std::size_t pc = 0; pc + 1 < program.insns.size(); ++pc) {
    Insn& insn = program.insns[pc];
    if (insn.opcode != kLddw || insn.src != kMapValue) continue;
    const loader::MapDef& map = object.maps[static_cast<std::size_t>(insn.imm)];
    if (!is_variables(map)) continue;
    insn.imm = number_for(map, static_cast<std::uint32_t>(program.insns[pc + 1].imm), parameters);
    insn.src = 0;
    program.insns[pc + 1].imm = 0;
  }
  return program;
}

/// The kernel's word: its verdict and the last line of its log.
class KernelSide {
 public:
  KernelSide() : has_lirc_(referee_.loads({ProgType::lirc_mode2, {}, false, 0})) {}

  [[nodiscard]] bool has_lirc() const { return has_lirc_; }

  kernel::Verdict judge(const loader::ObjectSpec& object, const program::Program& program) {
    std::vector<kernel::KernelMap> maps;
    for (const loader::MapDef& map : object.maps) {
      maps.emplace_back(map.spec);
      REQUIRE(maps.back().error() == 0);
    }
    std::vector<Insn> insns = program.insns;
    for (Insn& insn : insns) {
      if (insn.opcode == kLddw && (insn.src == kMapFd || insn.src == kMapValue))
        insn.imm = maps[static_cast<std::size_t>(insn.imm)].fd();
      if (insn.opcode != kCall || insn.src != 0 || has_lirc_) continue;
      for (const auto& [helper, twin] : kTwins)
        if (insn.imm == helper) insn.imm = twin;
    }
    const ProgType type = has_lirc_ ? ProgType::lirc_mode2 : ProgType::sched_cls;
    return referee_.load({type, {}, false, 0}, insns, program.license.c_str());
  }

 private:
  kernel::Referee referee_{kStatisticsOnly};
  bool has_lirc_;
};

class Judge {
 public:
  void judge(const objects::Found& found) {
    auto object = loader::parse_object(found.image, found.name);
    REQUIRE_MESSAGE(object, found.name);
    REQUIRE(object->programs.size() == 1);
    const auto patterns = std::find_if(object->maps.begin(), object->maps.end(),
                                       [](const loader::MapDef& map) { return map.spec.name == kPatterns; });
    if (patterns != object->maps.end()) {
      patterns->spec.value_size = sizeof(std::uint32_t) + kLengths * sizeof(std::uint16_t);
      judge(*object, "patterns", as_keytable_loads(*object, {{"max_length", kLengths}, {"trail_space", kTrailSpace}}));
    } else {
      judge(*object, "as it is", as_keytable_loads(*object, {}));
    }
    const auto [first, last] = keymaps_.equal_range(object->name.substr(0, object->name.find('.')));
    for (auto each = first; each != last; ++each)
      judge(*object, each->second.name, as_keytable_loads(*object, each->second.parameters));
    judge(*object, "with addresses", *object->programs.front());
  }

  [[nodiscard]] bool has_lirc() const { return kernel_.has_lirc(); }

  Matrix matrix{"ir-keytable"};
  std::size_t accepted = 0, equal_counts = 0;

 private:
  void judge(const loader::ObjectSpec& object, const std::string& with, const program::Program& program) {
    verifier::Input input;
    input.program = &program;
    std::vector<verifier::MapInfo> maps;
    for (const auto& map : object.maps) maps.push_back({&map.spec, {}});
    input.maps = maps;
    const verifier::Report report = verifier::verify(input);
    const kernel::Verdict verdict = kernel_.judge(object, program);
    const verifier::Finding* finding = report.accepted() ? nullptr : &report.findings.front();
    const auto code = finding == nullptr ? "accepted" : verifier::name_of(finding->code);
    matrix.count(compare(verdict.result == 0, finding), object.name, with, code);
    if (verdict.result != 0) return;
    ++accepted;
    if (verdict.says(fmt::format("processed {} insns", report.stats.processed))) ++equal_counts;
  }

  KernelSide kernel_;
  const std::multimap<std::string, Keymap> keymaps_ = read_keymaps();
};

TEST_CASE("infrared decoders get the verdict that the running kernel gives") {
  const auto found = objects::in_folder(std::string(kKeymaps) + "/protocols", ".o");
  if (found.empty()) {
    MESSAGE("SKIP: ir-keytable is not installed");
    return;
  }
  if (!kernel::referees()) return;
  Judge judge;
  for (const objects::Found& each : found) judge.judge(each);
  judge.matrix.print();
  fmt::print(
      "ir-keytable: {} objects, judged by the running kernel {}; {} accepted, {} of them after as many instructions\n",
      found.size(), judge.has_lirc() ? "as what they are" : "as twins for tc, for it has no infrared", judge.accepted,
      judge.equal_counts);
  CHECK(judge.matrix[Outcome::strict] + judge.matrix[Outcome::lax] + judge.matrix[Outcome::later] == 0);
  CHECK(judge.accepted >= found.size());
  CHECK(judge.matrix[Outcome::same] > judge.accepted);
}

}  // namespace
}  // namespace skep::referee
