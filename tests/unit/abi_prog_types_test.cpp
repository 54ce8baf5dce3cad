// The program-type table against the running kernel: attach types, sleep, return values, packets, old packet loads.
#include <doctest/doctest.h>

#include <algorithm>
#include <array>
#include <limits>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "abi/helper.hpp"
#include "abi/prog_types.hpp"
#include "support/kernel_verdict.hpp"

using namespace skep;
using abi::AttachType;
using kernel::ProgramKind;

namespace {

constexpr Insn kZero{0xb7, 0, 0, 0, 0};
constexpr Insn kOne{0xb7, 0, 0, 0, 1};
constexpr Insn kExit{0x95, 0, 0, 0, 0};

/// Kinds of a type of which this kernel loads any; what it refuses without a look at the type says nothing.
std::vector<ProgramKind> judged_kinds() {
  kernel::Referee referee;
  const std::vector<ProgramKind> all = kernel::program_kinds();
  std::set<ProgType> judged;
  for (const ProgramKind& kind : all)
    if (referee.loads(kind)) judged.insert(kind.type);
  std::vector<ProgramKind> kinds;
  for (const ProgramKind& kind : all) {
    const bool has_target = kind.btf_id != 0;
    if (judged.contains(kind.type) && (!has_target || referee.loads(kind))) kinds.push_back(kind);
  }
  return kinds;
}

AttachType attach_of(const ProgramKind& kind) { return abi::effective_attach_type(kind.type, kind.attach); }

/// What the table says of loading the kind.
bool may_load(const ProgramKind& kind) {
  const abi::ProgTypeSpec* spec = abi::find_prog_type(kind.type);
  if (!abi::contains(spec->attach, attach_of(kind))) return false;
  const abi::Sleepable sleep = abi::sleepable(kind.type, attach_of(kind));
  return kind.sleepable ? sleep != abi::Sleepable::never : sleep != abi::Sleepable::must;
}

std::vector<ProgramKind> loadable_kinds() {
  kernel::Referee referee;
  std::vector<ProgramKind> kinds = kernel::program_kinds();
  std::erase_if(kinds, [&](const ProgramKind& kind) { return !referee.loads(kind); });
  return kinds;
}

Insn result_of(kernel::Referee& referee, const ProgramKind& kind) {
  return referee.load(kind, std::array{kZero, kExit}).result == 0 ? kZero : kOne;
}

}  // namespace

TEST_CASE("there is a row for every program type, with a context or a reason to have none") {
  CHECK(abi::prog_type_specs().size() == 33);
  CHECK(abi::find_prog_type(static_cast<ProgType>(33)) == nullptr);
  for (const abi::ProgTypeSpec& spec : abi::prog_type_specs()) {
    CAPTURE(name_of(spec.type));
    CHECK(abi::find_prog_type(spec.type) == &spec);
    CHECK((spec.context == abi::ContextForm::fields) == (spec.layout != nullptr));
    CHECK(spec.layout == abi::context_of(spec.type));
    const bool has_packet = spec.layout != nullptr && std::ranges::any_of(spec.layout->fields, [&](const auto& field) {
                              return field.kind == abi::FieldKind::packet && abi::contains(field.readers, spec.type);
                            });
    CHECK(has_packet == (spec.packet != abi::PacketAccess::none));
  }
}

TEST_CASE("the running kernel loads the kinds of program, sleepable or not, that the table has") {
  if (!kernel::referees()) return;
  kernel::Referee referee;
  std::size_t compared = 0;
  for (ProgramKind kind : judged_kinds()) {
    for (const bool sleepable : {false, true}) {
      kind.sleepable = sleepable;
      INFO(kind.text());
      CHECK(may_load(kind) == referee.loads(kind));
      ++compared;
    }
  }
  MESSAGE(compared, " kinds compared");
  CHECK(compared > 2000);
}

TEST_CASE("programs return what the running kernel lets them return") {
  if (!kernel::referees()) return;
  kernel::Referee referee;
  constexpr std::array kValues{std::numeric_limits<std::int32_t>::min(), -4096, -1, 0, 1, 2, 3, 4,
                               std::numeric_limits<std::int32_t>::max()};
  std::size_t compared = 0;
  for (const ProgramKind& kind : loadable_kinds()) {
    const abi::ReturnRule rule = abi::return_rule(kind.type, attach_of(kind));
    const bool any = rule.kind == abi::ReturnRule::Kind::anything;
    INFO(kind.text());
    for (const std::int32_t value : kValues) {
      CAPTURE(value);
      const bool accepted = referee.load(kind, std::array{Insn{0xb7, 0, 0, 0, value}, kExit}).result == 0;
      CHECK(accepted == (any || (value >= rule.low && value <= rule.high)));
      ++compared;
    }
    const Insn unknown{0x85, 0, 0, 0, static_cast<std::int32_t>(abi::HelperId::get_prandom_u32)};
    CHECK((referee.load(kind, std::array{unknown, kExit}).result == 0) == any);
  }
  MESSAGE(compared, " returns compared");
}

namespace {

/// The loads of packet start and end, and the comparison that proves one byte: r7 points to it then.
std::optional<std::vector<Insn>> packet_byte(const ProgramKind& kind, const Insn& result) {
  const abi::ProgTypeSpec& spec = *abi::find_prog_type(kind.type);
  const auto field_of = [&](abi::FieldKind what) {
    return std::ranges::find_if(spec.layout->fields, [&](const auto& field) {
      return field.kind == what && abi::contains(field.readers, kind.type);
    });
  };
  if (spec.layout == nullptr) return std::nullopt;
  const auto start = field_of(abi::FieldKind::packet);
  const auto end = field_of(abi::FieldKind::packet_end);
  if (start == spec.layout->fields.end() || end == spec.layout->fields.end()) return std::nullopt;
  const auto load = [](const auto& field, std::uint8_t reg) {
    const std::uint8_t opcode = field->size == 4 ? 0x61 : 0x79;
    return Insn{opcode, reg, 6, static_cast<std::int16_t>(field->off), 0};
  };
  return std::vector<Insn>{{0xbf, 6, 1, 0, 0},  load(start, 7),     load(end, 8), {0xbf, 9, 7, 0, 0},
                           {0x07, 9, 0, 0, 16}, {0xbd, 9, 8, 2, 0}, result,       kExit};
}

bool accepts(kernel::Referee& referee, const ProgramKind& kind, std::vector<Insn> program,
             const std::vector<Insn>& rest, const Insn& result) {
  program.insert(program.end(), rest.begin(), rest.end());
  program.push_back(result);
  program.push_back(kExit);
  return referee.load(kind, program).result == 0;
}

}  // namespace

TEST_CASE("packets are read, written and passed on as the running kernel lets them be") {
  if (!kernel::referees()) return;
  kernel::Referee referee;
  bpf_attr attr{};
  attr.map_type = BPF_MAP_TYPE_HASH;
  attr.key_size = 4;
  attr.value_size = 4;
  attr.max_entries = 1;
  const kernel::Descriptor map(kernel::call(BPF_MAP_CREATE, attr));
  const auto call = [](abi::HelperId id) { return Insn{0x85, 0, 0, 0, static_cast<std::int32_t>(id)}; };
  std::set<ProgType> seen;
  for (const ProgramKind& kind : loadable_kinds()) {
    const Insn result = result_of(referee, kind);
    const auto bytes = packet_byte(kind, result);
    if (!bytes || !seen.insert(kind.type).second) continue;
    const abi::ProgTypeSpec& spec = *abi::find_prog_type(kind.type);
    INFO(kind.text());
    CHECK(accepts(referee, kind, *bytes, {{0x71, 0, 7, 0, 0}}, result));
    CHECK(accepts(referee, kind, *bytes, {{0x72, 7, 0, 0, 1}}, result) == (spec.packet == abi::PacketAccess::write));
    const std::vector<Insn> as_key{{0x18, 1, BPF_PSEUDO_MAP_FD, 0, map.get()},
                                   {0, 0, 0, 0, 0},
                                   {0xbf, 2, 7, 0, 0},
                                   call(abi::HelperId::map_lookup_elem)};
    CHECK(accepts(referee, kind, *bytes, as_key, result) ==
          (spec.packet != abi::PacketAccess::load_only || spec.packet_arguments));
    const std::vector<Insn> as_text{{0xbf, 1, 7, 0, 0}, {0xb7, 2, 0, 0, 4}, call(abi::HelperId::trace_printk)};
    CHECK(accepts(referee, kind, *bytes, as_text, result) == spec.packet_arguments);
  }
  CHECK(seen.size() >= 12);
}

TEST_CASE("old packet loads are for the types that the running kernel lets have them") {
  if (!kernel::referees()) return;
  kernel::Referee referee;
  for (const ProgramKind& kind : loadable_kinds()) {
    if (kind.type == ProgType::tracing) continue;
    const std::array program{Insn{0xbf, 6, 1, 0, 0}, Insn{0x30, 0, 0, 0, 0}, result_of(referee, kind), kExit};
    INFO(kind.text());
    CHECK((referee.load(kind, program).result == 0) == abi::find_prog_type(kind.type)->packet_loads);
  }
}

TEST_CASE("names of attach types are in the kernel's order") {
  CHECK(abi::name_of(AttachType::xdp) == "xdp");
  CHECK(static_cast<unsigned>(AttachType::lsm_mac) == BPF_LSM_MAC);
  CHECK(static_cast<unsigned>(AttachType::xdp_devmap) == BPF_XDP_DEVMAP);
  CHECK(static_cast<unsigned>(AttachType::sk_reuseport_select_or_migrate) == BPF_SK_REUSEPORT_SELECT_OR_MIGRATE);
  CHECK(static_cast<unsigned>(AttachType::trace_kprobe_multi) == BPF_TRACE_KPROBE_MULTI);
  CHECK(static_cast<unsigned>(AttachType::trace_uprobe_session) == 57);
  CHECK(abi::name_of(static_cast<AttachType>(58)) == "unknown");
}
