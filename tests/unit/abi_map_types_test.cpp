// The map-type table against the running kernel: sizes it makes maps with, what look-ups yield, who may use what.
#include <doctest/doctest.h>

#include <linux/bpf.h>

#include <algorithm>
#include <array>
#include <string>
#include <string_view>
#include <vector>

#include "abi/map_types.hpp"
#include "abi/prog_types.hpp"
#include "support/kernel_verdict.hpp"
#include "support/small_maps.hpp"

using namespace skep;
using abi::AttachType;
using abi::HelperId;
using kernel::ProgramKind;

namespace {

constexpr Insn kZero{0xb7, 0, 0, 0, 0};
constexpr Insn kExit{0x95, 0, 0, 0, 0};

Insn call(HelperId id) { return {0x85, 0, 0, 0, static_cast<std::int32_t>(id)}; }

std::vector<Insn> refer_to(std::uint8_t reg, std::uint8_t how, const kernel::Descriptor& map) {
  return {{0x18, reg, how, 0, map.get()}, {0, 0, 0, 0, 0}};
}

/// r1 the map, r2 (and r3, unless it is there already) sixteen zeros of stack, r4 zero; then the call.
std::vector<Insn> call_on(const kernel::Descriptor& map, HelperId id, bool value_in_r3 = false) {
  std::vector<Insn> insns;
  // The key's four bytes last: a later store beside them would make Linux forget that they are zero.
  for (std::int16_t off = -4; off >= -16; off -= 4) insns.emplace_back(0x62, 10, 0, off, 0);
  insns.insert(insns.end(), {{0xbf, 2, 10, 0, 0}, {0x07, 2, 0, 0, -16}});
  if (!value_in_r3) insns.emplace_back(0xbf, 3, 2, 0, 0);
  insns.emplace_back(0xb7, 4, 0, 0, 0);
  const std::vector<Insn> reference = refer_to(1, BPF_PSEUDO_MAP_FD, map);
  insns.insert(insns.end(), reference.begin(), reference.end());
  // Two ways to the end: what the call gave is in r1 on the second.
  for (const Insn& insn : {call(id), Insn{0x55, 0, 0, 2, 0}, kZero, kExit, Insn{0xbf, 1, 0, 0, 0}, kZero, kExit})
    insns.push_back(insn);
  return insns;
}

/// The context's socket into r3, where there is one; the program ends when it is null.
std::vector<Insn> socket_into_r3(ProgType type) {
  const abi::ContextLayout* layout = abi::context_of(type);
  if (layout == nullptr) return {};
  for (const abi::ContextField& field : layout->fields) {
    if (field.size == 8 && field.kind >= abi::FieldKind::socket && field.kind <= abi::FieldKind::sock_common_or_null &&
        abi::contains(field.readers, type))
      return {{0x79, 3, 1, static_cast<std::int16_t>(field.off), 0}, {0x55, 3, 0, 2, 0}, kZero, kExit};
  }
  return {};
}

}  // namespace

TEST_CASE("there is a row for every map type, and fields only where there are values") {
  CHECK(abi::map_type_specs().size() == 34);
  CHECK(abi::find_map_type(static_cast<MapType>(34)) == nullptr);
  for (const abi::MapTypeSpec& spec : abi::map_type_specs()) {
    CAPTURE(name_of(spec.type));
    CHECK(abi::find_map_type(spec.type) == &spec);
    if (spec.fields != 0) CHECK(spec.value.high > 8);
    const bool looked_up = abi::contains(abi::find_helper("map_lookup_elem")->maps, spec.type);
    if (spec.in_programs) CHECK(looked_up == (spec.lookup != abi::LookupYields::nothing));
  }
}

TEST_CASE("maps are made with the key and value sizes that the running kernel makes them with") {
  if (!kernel::referees()) return;
  constexpr std::array kSizes{0u,  1u,   2u,   3u,   4u,   5u,    7u,    8u,    9u,     12u,   16u,
                              24u, 260u, 261u, 512u, 513u, 1016u, 1024u, 4096u, 32768u, 32769u};
  std::size_t compared = 0;
  for (const kernel::SmallMap& small : kernel::kSmallMaps) {
    const abi::MapTypeSpec& spec = *abi::find_map_type(small.type);
    if (!kernel::create(small).ok()) {
      MESSAGE("SKIP: this kernel makes no map of type ", std::string(name_of(small.type)));
      continue;
    }
    for (const std::uint32_t key : kSizes) {
      for (const std::uint32_t value : kSizes) {
        kernel::SmallMap map = small;
        map.key_size = key;
        map.value_size = value;
        INFO(name_of(small.type), ", key ", key, ", value ", value);
        CHECK(kernel::create(map).ok() == (spec.key.has(key) && spec.value.has(value)));
        ++compared;
      }
    }
  }
  MESSAGE(compared, " sizes compared");
  CHECK(compared > 10000);
}

TEST_CASE("look-ups yield what the running kernel says they yield") {
  if (!kernel::referees()) return;
  kernel::Referee referee(2);
  for (const auto& [type, map] : kernel::small_maps()) {
    const abi::MapTypeSpec& spec = *abi::find_map_type(type);
    if (spec.lookup == abi::LookupYields::nothing) continue;
    constexpr std::array<std::string_view, 5> kWords{"?", "map_value(", "map_ptr(", "sock(", "xdp_sock("};
    const kernel::Verdict& verdict = referee.load({ProgType::xdp}, call_on(map, HelperId::map_lookup_elem));
    INFO(name_of(type), ": ", verdict.log);
    CHECK(verdict.says("R1=" + std::string(kWords[static_cast<unsigned>(spec.lookup)])));
    CHECK(verdict.says("map_value_or_null(") != spec.never_null);
  }
}

TEST_CASE("sleepable programs, and references to values, are for the map types that the running kernel has them for") {
  if (!kernel::referees()) return;
  kernel::Referee referee;
  for (const auto& [type, map] : kernel::small_maps()) {
    const abi::MapTypeSpec& spec = *abi::find_map_type(type);
    INFO(name_of(type));
    if (type == MapType::arena) continue;  // wants to be mapped into this process first
    std::vector<Insn> program = refer_to(1, BPF_PSEUDO_MAP_FD, map);
    program.insert(program.end(), {kZero, kExit});
    CHECK((referee.load({ProgType::syscall, {}, true}, program).result == 0) == spec.sleepable);
    program = refer_to(1, BPF_PSEUDO_MAP_VALUE, map);
    program.insert(program.end(), {kZero, kExit});
    CHECK((referee.load({ProgType::xdp}, program).result == 0) == spec.direct_value);
  }
}

TEST_CASE("sockmaps change in the programs that the running kernel lets change them") {
  if (!kernel::referees()) return;
  kernel::Referee referee;
  const auto maps = kernel::small_maps();
  std::size_t compared = 0;
  for (const ProgramKind& kind : kernel::program_kinds()) {
    if (kind.sleepable || !referee.loads(kind)) continue;
    for (const MapType type : {MapType::sockmap, MapType::sockhash, MapType::hash}) {
      for (const HelperId id : {HelperId::map_update_elem, HelperId::map_delete_elem}) {
        const auto found = maps.find(type);
        if (found == maps.end()) continue;
        const abi::Helper& helper = *abi::find_helper(static_cast<std::uint32_t>(id));
        std::vector<Insn> program;
        const bool stores = id == HelperId::map_update_elem && type != MapType::hash;
        if (stores) program = socket_into_r3(kind.type);
        if (stores && program.empty()) continue;  // Linux looks for a socket first
        const std::vector<Insn> rest = call_on(found->second, id, stores);
        program.insert(program.end(), rest.begin(), rest.end());
        const kernel::Verdict& verdict = referee.load(kind, program);
        INFO(helper.name, " on ", name_of(type), " in ", kind.text(), ": ", verdict.log);
        const bool refused = verdict.says("cannot pass map_type") || verdict.says("cannot update sockmap");
        CHECK(abi::takes_map(helper, type, kind.type, kind.attach) == !refused);
        ++compared;
      }
    }
  }
  MESSAGE(compared, " calls compared");
}
