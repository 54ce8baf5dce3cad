// Programs are paired by name, maps by name; order is part of what is compared for programs only through calls.
#include "referee/objects/compare.hpp"

#include <algorithm>
#include <optional>
#include <unordered_map>

#include <fmt/format.h>

#include "btf/btf.hpp"

namespace skep::referee {
namespace {

constexpr std::uint32_t kSleepable = 1u << 4, kFrags = 1u << 5;  // BPF_F_SLEEPABLE, BPF_F_XDP_HAS_FRAGS
constexpr std::string_view kPrefix = "witness.";

/// A map's name as libbpf has it.
std::string their_name(const loader::MapDef& map) {
  constexpr std::size_t kKernelName = 15;
  const bool cut = map.origin == loader::MapDef::Origin::bss && map.spec.name.size() > kKernelName;
  return cut ? map.spec.name.substr(0, kKernelName) : map.spec.name;
}

std::string_view plain_name(std::string_view name) {
  return name.starts_with(kPrefix) ? name.substr(kPrefix.size() - 1) : name;
}

std::string_view without_mark(std::string_view section) {
  return section.starts_with('?') ? section.substr(1) : section;
}

struct Pairing {
  const loader::ObjectSpec& ours;
  const Testimony& theirs;
  const btf::Btf& types;
  std::unordered_map<std::string, int> map_number;  // of ours, by name
};

std::string text_of(const Insn& insn) {
  return fmt::format("{:02x} dst {} src {} off {} imm {}", insn.opcode, insn.dst, insn.src, insn.off, insn.imm);
}

/// Their instructions with our numbers of maps.
std::vector<Insn> renumbered(const Pairing& pair, const std::vector<Insn>& insns) {
  std::vector<Insn> result = insns;
  for (std::size_t pc = 0; pc + 1 < result.size(); ++pc) {
    if (result[pc].opcode != 0x18) continue;
    if (result[pc].src == 1 || result[pc].src == 2) {
      const auto index = static_cast<std::size_t>(result[pc].imm);
      const auto number = index < pair.theirs.maps.size()
                              ? pair.map_number.find(std::string(plain_name(pair.theirs.maps[index].spec.name)))
                              : pair.map_number.end();
      result[pc].imm = number == pair.map_number.end() ? result[pc].imm & ~kNoMap : number->second;
    }
    ++pc;
  }
  return result;
}

std::string_view cause_of(const Insn& ours, const Insn& theirs) {
  if (ours.opcode == 0x18 || theirs.opcode == 0x18) {
    if (ours.src == 1 || ours.src == 2 || theirs.src == 1 || theirs.src == 2) return "insns: another map";
    if (ours.src == 3 || theirs.src == 3) return "insns: kernel variable";
    if (ours.src == 4 || theirs.src == 4) return "insns: function address";
    return "insns: 64-bit load";
  }
  if (ours.opcode == 0x85 || theirs.opcode == 0x85) {
    if (ours.src == 2 || theirs.src == 2) return "insns: kernel function";
    return ours.src == 1 || theirs.src == 1 ? "insns: call of a subprogram" : "insns: call";
  }
  return "insns: other";
}

std::optional<Difference> compare_insns(const Pairing& pair, const program::Program& ours, const TheirProgram& theirs) {
  const std::vector<Insn> insns = renumbered(pair, theirs.insns);
  const std::size_t both = std::min(insns.size(), ours.insns.size());
  for (std::size_t pc = 0; pc < both; ++pc)
    if (insns[pc] != ours.insns[pc]) {
      const bool second = pc > 0 && ours.insns[pc - 1].opcode == 0x18 && insns[pc - 1].opcode == 0x18;
      const std::string_view cause = insns.size() != ours.insns.size()
                                         ? "insns: another number of them"
                                         : cause_of(ours.insns[pc - second], insns[pc - second]);
      return Difference{std::string(cause), ours.name,
                        fmt::format("{} and {} insns; insn {}: {}, libbpf: {}", ours.insns.size(), insns.size(), pc,
                                    text_of(ours.insns[pc]), text_of(insns[pc]))};
    }
  if (insns.size() != ours.insns.size())
    return Difference{"insns: another number of them", ours.name,
                      fmt::format("{}, libbpf: {}", ours.insns.size(), insns.size())};
  return std::nullopt;
}

/// The kernel's name for what a program is attached to.
std::string target_name(const program::Program& program) {
  constexpr std::uint32_t kRawTp = 23, kIter = 28;
  if (program.type == ProgType::lsm) return "bpf_lsm_" + program.attach_target;
  if (program.type == ProgType::tracing && program.expected_attach_type == kRawTp)
    return "btf_trace_" + program.attach_target;
  if (program.type == ProgType::tracing && program.expected_attach_type == kIter)
    return "bpf_iter_" + program.attach_target;
  return program.attach_target;
}

std::optional<Difference> compare_program(const Pairing& pair, const program::Program& ours,
                                          const TheirProgram& theirs) {
  const auto differ = [&ours](std::string cause, const auto& mine, const auto& other) {
    return Difference{std::move(cause), ours.name, fmt::format("{}, libbpf: {}", mine, other)};
  };
  const auto type = static_cast<std::uint32_t>(ours.type);
  if (type != theirs.type) return differ("type", type, theirs.type);
  if (ours.expected_attach_type != theirs.attach_type)
    return differ("attach type", ours.expected_attach_type, theirs.attach_type);
  if (theirs.bound && ours.autoload != theirs.autoload) return differ("autoload", ours.autoload, theirs.autoload);
  if (ours.license != theirs.license) return differ("license", ours.license, theirs.license);
  if (theirs.by_its_own_rules) {
    const std::uint32_t frags = ours.section.find("xdp.frags") != std::string::npos ? kFrags : 0;
    const std::uint32_t flags = (ours.sleepable ? kSleepable : 0) | frags;
    if (flags != theirs.flags) return differ("flags", flags, theirs.flags);
    if (theirs.attach_id != 0 && ours.type != ProgType::struct_ops) {
      const std::string_view target = pair.types.type(theirs.attach_id).name;
      if (target_name(ours) != target) return differ("attach target", target_name(ours), target);
    }
  }
  return compare_insns(pair, ours, theirs);
}

std::optional<Difference> compare_spec(const MapSpec& ours, const MapSpec& theirs) {
  const auto differ = [&ours](std::string_view what, const auto& mine, const auto& other) {
    return Difference{fmt::format("map {}", what), ours.name, fmt::format("{}, libbpf: {}", mine, other)};
  };
  if (ours.type != theirs.type) return differ("type", name_of(ours.type), name_of(theirs.type));
  if (ours.key_size != theirs.key_size) return differ("key size", ours.key_size, theirs.key_size);
  if (ours.value_size != theirs.value_size) return differ("value size", ours.value_size, theirs.value_size);
  if (ours.max_entries != theirs.max_entries) return differ("max_entries", ours.max_entries, theirs.max_entries);
  if (ours.flags != theirs.flags) return differ("flags", ours.flags, theirs.flags);
  if (ours.numa_node != theirs.numa_node) return differ("numa_node", ours.numa_node, theirs.numa_node);
  if (ours.map_extra != theirs.map_extra) return differ("map_extra", ours.map_extra, theirs.map_extra);
  if (ours.btf_key_type != theirs.btf_key_type) return differ("key type", ours.btf_key_type, theirs.btf_key_type);
  if (ours.btf_value_type != theirs.btf_value_type)
    return differ("value type", ours.btf_value_type, theirs.btf_value_type);
  if (ours.pinned_by_name != theirs.pinned_by_name)
    return differ("pinning", ours.pinned_by_name, theirs.pinned_by_name);
  if ((ours.inner == nullptr) != (theirs.inner == nullptr))
    return differ("inner", ours.inner != nullptr, theirs.inner != nullptr);
  return ours.inner == nullptr ? std::nullopt : compare_spec(*ours.inner, *theirs.inner);
}

std::string digest(const loader::MapDef& map) {
  std::uint64_t value = 0xcbf29ce484222325;
  for (std::size_t i = 0; i < map.spec.value_size; ++i)
    value =
        (value ^ static_cast<std::uint64_t>(i < map.contents.size() ? map.contents[i] : std::byte{0})) * 0x100000001b3;
  return fmt::format("{:016x}", value);
}

std::optional<Difference> compare_map(const loader::MapDef& ours, const TheirMap& theirs) {
  MapSpec spec = theirs.spec;
  if (!theirs.bound) spec.value_size = ours.spec.value_size;
  if (auto difference = compare_spec(ours.spec, spec)) return difference;
  // Values of configuration come later.
  if (!theirs.contents.empty() && ours.origin != loader::MapDef::Origin::kconfig && digest(ours) != theirs.contents)
    return Difference{"map contents", ours.spec.name, ""};
  return std::nullopt;
}

/// What keeps skep from relocating a program. Functions of the kernel, and variables that its types have, are
/// relocated: what is missing to run these is not libbpf's to give either.
const program::Need* need_of(const program::Program& program) {
  using Kind = program::Need::Kind;
  for (const program::Need& need : program.needs)
    if (need.kind == Kind::core_relocation || need.kind == Kind::kconfig ||
        (need.kind == Kind::ksym && program.insns[need.pc].src == 0))
      return &need;
  return nullptr;
}

void compare_maps(const Pairing& pair, Comparison& result) {
  for (const TheirMap& theirs : pair.theirs.maps) {
    const auto number = pair.map_number.find(std::string(plain_name(theirs.spec.name)));
    const auto difference = number == pair.map_number.end()
                                ? std::optional(Difference{"map missing", theirs.spec.name, ""})
                                : compare_map(pair.ours.maps[static_cast<std::size_t>(number->second)], theirs);
    ++(difference ? result.maps_different : result.maps_equal);
    if (difference) result.map_differences.push_back(*difference);
  }
  if (pair.ours.maps.size() > pair.theirs.maps.size())
    result.map_differences.push_back({"map that libbpf does not have", pair.ours.maps.back().spec.name, ""});
}

}  // namespace

Comparison compare(const loader::ObjectSpec& ours, const Testimony& theirs, const btf::Btf& types) {
  Pairing pair{.ours = ours, .theirs = theirs, .types = types, .map_number = {}};
  for (std::size_t i = 0; i < ours.maps.size(); ++i)
    pair.map_number.try_emplace(their_name(ours.maps[i]), static_cast<int>(i));
  Comparison result;
  compare_maps(pair, result);
  for (const TheirProgram& program : theirs.programs) {
    const auto mine = std::find_if(ours.programs.begin(), ours.programs.end(), [&program](const auto& each) {
      return each->name == program.name && without_mark(each->section) == program.section;
    });
    const program::Need* need = mine == ours.programs.end() ? nullptr : need_of(**mine);
    const bool refused = mine == ours.programs.end() || need != nullptr;
    if (!program.loaded) {
      ++(refused ? result.neither : result.theirs);
    } else if (refused) {
      ++result.refused;
      result.differences.push_back(
          {need == nullptr ? "program missing" : "refused by skep", program.name, need == nullptr ? "" : need->name});
    } else if (auto difference = compare_program(pair, **mine, program)) {
      ++result.different;
      result.differences.push_back(std::move(*difference));
    } else {
      ++result.equal;
    }
  }
  return result;
}

}  // namespace skep::referee
