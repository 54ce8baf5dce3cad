// The helper table against the UAPI header and against what the running kernel lets programs call.
#include <doctest/doctest.h>

#include <linux/bpf.h>

#include <algorithm>
#include <array>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "abi/helper.hpp"
#include "support/kernel.hpp"
#include "support/kernel_verdict.hpp"
#include "support/small_maps.hpp"

using namespace skep;

namespace {

constexpr Insn kSetResult{0xb7, 0, 0, 0, 1};
constexpr Insn kExit{0x95, 0, 0, 0, 0};
constexpr std::uint8_t kCall = 0x85;

/// The kinds of program that the running kernel loads.
std::vector<kernel::ProgramKind> loadable_kinds() {
  kernel::Referee referee;
  std::vector<kernel::ProgramKind> kinds;
  std::set<std::string> none;
  for (const kernel::ProgramKind& kind : kernel::program_kinds()) none.emplace(name_of(kind.type));
  for (const kernel::ProgramKind& kind : kernel::program_kinds()) {
    if (!referee.loads(kind)) continue;
    none.erase(std::string(name_of(kind.type)));
    kinds.push_back(kind);
  }
  for (const std::string& type : none) MESSAGE("SKIP: this kernel loads no program of type ", type);
  return kinds;
}

// Linux looks for the prototype before it looks at arguments: its answer tells whether the program may call the helper.
bool refused(const kernel::Verdict& verdict) {
  return verdict.says("cannot use helper") || verdict.says("unknown func") || verdict.says("supported only for") ||
         verdict.says("not supported for program type") || verdict.says("helper call is not allowed in probe");
}

// Helpers that the running kernel may be built or locked down without.
bool left_out_here(const abi::Helper& helper) {
  return helper.name == "probe_write_user" || helper.name == "override_return";
}

std::vector<Insn> bare_call(std::uint32_t id) {
  return {{kCall, 0, 0, 0, static_cast<std::int32_t>(id)}, kSetResult, kExit};
}

}  // namespace

TEST_CASE("ids and names of helpers are those of the UAPI header") {
#ifdef ___BPF_FUNC_MAPPER  // since Linux 6.2
#define NAME_OF(name, ...) #name,
  const std::vector<std::string_view> names{___BPF_FUNC_MAPPER(NAME_OF)};
#else
#define NAME_OF(name) #name
  const std::vector<std::string_view> names{__BPF_FUNC_MAPPER(NAME_OF)};
#endif
  REQUIRE(names.size() > 200);
  REQUIRE(abi::helpers().size() >= names.size() - 1);
  for (std::uint32_t id = 1; id < names.size(); ++id) {
    CHECK(abi::find_helper(id)->id == id);
    CHECK(abi::find_helper(id)->name == names[id]);
  }
}

TEST_CASE("a helper is found by id and by name, with and without the prefix") {
  CHECK(abi::helpers().size() == 211);
  CHECK(abi::find_helper(0u) == nullptr);
  CHECK(abi::find_helper(212u) == nullptr);
  CHECK(abi::find_helper(0xffffffffu) == nullptr);
  CHECK(abi::find_helper("no_such") == nullptr);
  CHECK(abi::find_helper("") == nullptr);
  std::set<std::string_view> names;
  for (const abi::Helper& helper : abi::helpers()) {
    CHECK(abi::find_helper(helper.id) == &helper);
    CHECK(abi::find_helper(helper.name) == &helper);
    CHECK(abi::find_helper("bpf_" + std::string(helper.name)) == &helper);
    names.insert(helper.name);
  }
  CHECK(names.size() == abi::helpers().size());
}

namespace {

bool takes_size(abi::Arg arg) {
  using enum abi::Arg;
  constexpr std::array kSized{mem, mem_or_null, mem_mutable, mem_out, mem_out_or_null, mem_inout, mem_inout_or_null};
  return std::ranges::find(kSized, arg) != kSized.end();
}

bool needs_map(abi::Arg arg) {
  using enum abi::Arg;
  return arg == map_key || arg == map_value || arg == map_value_or_null || arg == map_value_out;
}

void check_row(const abi::Helper& helper) {
  using abi::Arg;
  bool map_seen = false;
  bool size_due = false;
  bool released = false;
  bool calls_back = false;
  for (const abi::ArgSpec& arg : helper.args) {
    CHECK((arg.kind == Arg::size || arg.kind == Arg::size_or_zero) == size_due);
    size_due = takes_size(arg);
    if (needs_map(arg)) CHECK(map_seen);
    map_seen |= arg.kind == Arg::map;
    released |= arg.releases;
    calls_back |= arg.kind == Arg::callback;
    CHECK((arg.kind == Arg::callback) == (arg.callback != abi::Callback::none));
    CHECK((arg.kind == Arg::btf || arg.kind == Arg::btf_or_null) == (arg.type != abi::KernelType::none));
    CHECK((arg.kind == Arg::fixed_mem || arg.kind == Arg::fixed_out || arg.kind == Arg::fixed_inout) ==
          (arg.bytes != 0));
  }
  CHECK_FALSE(size_due);
  CHECK(map_seen == (helper.maps != 0));
  CHECK(released == ((helper.effects & abi::releases) != 0));
  CHECK(calls_back == ((helper.effects & abi::calls_back) != 0));
  CHECK((helper.ret == abi::Ret::btf || helper.ret == abi::Ret::btf_or_null) ==
        (helper.ret_type != abi::KernelType::none));
  if (helper.ret == abi::Ret::record_or_null || helper.ret == abi::Ret::kptr_or_null)
    CHECK((helper.effects & abi::acquires) != 0);
}

}  // namespace

TEST_CASE("rows hold together: sizes follow memory, map parts follow a map, every row has its line") {
  for (const abi::Helper& helper : abi::helpers()) {
    CAPTURE(helper.name);
    CHECK_FALSE(helper.doc.empty());
    check_row(helper);
    std::set<const abi::Helper*> prototypes{&helper};
    for (std::uint32_t type = 0; type <= 32; ++type) {
      for (std::uint32_t attach = 0; attach < 64; ++attach) {
        const abi::Helper* row =
            abi::find_helper(helper.id, static_cast<ProgType>(type), static_cast<abi::AttachType>(attach));
        if (row == nullptr || !prototypes.insert(row).second) continue;
        CHECK(row->name == helper.name);
        CHECK((row->programs & ~helper.programs) == 0);
        check_row(*row);
      }
    }
  }
}

TEST_CASE("each kind of program may call the helpers that the running kernel lets it call") {
  if (!kernel::referees()) return;
  kernel::Referee referee;
  std::size_t checked = 0;
  std::size_t different = 0;
  for (const kernel::ProgramKind& kind : loadable_kinds()) {
    for (const abi::Helper& helper : abi::helpers()) {
      const abi::Helper* row = abi::find_helper(helper.id, kind.type, kind.attach);
      const kernel::Verdict verdict = referee.load(kind, bare_call(helper.id));
      ++checked;
      if (row != nullptr && refused(verdict) && left_out_here(helper)) continue;
      // Which functions it may be called from is up to the target; whether at all, up to the attach type.
      const bool by_target =
          (helper.effects & abi::asks_target) != 0 || (row != nullptr && (row->effects & abi::asks_target) != 0);
      if (by_target && kind.type == ProgType::tracing && row != nullptr) continue;
      if ((row != nullptr) == !refused(verdict)) continue;
      ++different;
      INFO(helper.name, " in ", kind.text(), ": ", verdict.reason());
      CHECK((row != nullptr) == !refused(verdict));
    }
  }
  MESSAGE(checked, " verdicts compared, ", different, " different");
  CHECK(checked > 200000);
}

TEST_CASE("helpers want the licence and the sleep that the running kernel wants of them") {
  if (!kernel::referees()) return;
  kernel::Referee referee;
  std::set<std::uint32_t> seen;
  for (const kernel::ProgramKind& kind : loadable_kinds()) {
    if (kind.attach != abi::AttachType{} && seen.contains(static_cast<std::uint32_t>(kind.type)) &&
        kind.type != ProgType::tracing && kind.type != ProgType::kprobe)
      continue;
    seen.insert(static_cast<std::uint32_t>(kind.type));
    for (const abi::Helper& helper : abi::helpers()) {
      const abi::Helper* row = abi::find_helper(helper.id, kind.type, kind.attach);
      if (row == nullptr || left_out_here(helper) || (row->effects & abi::asks_target) != 0) continue;
      INFO(helper.name, " in ", kind.text());
      const bool sleeps = referee.load(kind, bare_call(helper.id)).says("might sleep");
      CHECK(sleeps == ((row->effects & abi::may_sleep) != 0 && !kind.sleepable));
      const bool gpl = referee.load(kind, bare_call(helper.id), "Proprietary").says("GPL");
      CHECK(gpl == ((row->effects & abi::gpl_only) != 0));
    }
  }
}

namespace {

enum class Answer { takes, refuses, undecided };

// Linux looks at the arguments first; what else it may dislike afterwards says that it took the map.
Answer answer(const abi::Helper& helper, const kernel::Verdict& verdict) {
  if (verdict.says("cannot pass map_type")) return Answer::refuses;
  if (verdict.says("Unreleased reference")) return Answer::takes;
  if (helper.name == "map_update_elem" && verdict.says("expected=sock")) return Answer::takes;
  return verdict.result == 0 ? Answer::takes : Answer::undecided;
}

// A call with arguments that suit the row: the current task, pointers to 64 zeros on the stack, eights, the map.
std::vector<Insn> call_with_map(const abi::Helper& helper, const kernel::Descriptor& fd) {
  using enum abi::Arg;
  std::vector<Insn> insns{{0xbf, 6, 1, 0, 0}};
  for (std::int16_t off = -64; off < 0; off += 8) insns.emplace_back(0x7a, 10, 0, off, 0);
  if (std::ranges::any_of(helper.args, [](const auto& arg) { return arg.type == abi::KernelType::task_struct; }))
    insns.emplace_back(kCall, 0, 0, 0, static_cast<std::int32_t>(abi::HelperId::get_current_task_btf));
  for (std::uint8_t i = 0; i < helper.args.size(); ++i) {
    const auto reg = static_cast<std::uint8_t>(i + 1);
    const abi::Arg arg = helper.args[i];
    if (arg == abi::Arg::map) {
      insns.emplace_back(0x18, reg, BPF_PSEUDO_MAP_FD, 0, fd.get());
      insns.emplace_back(0, 0, 0, 0, 0);
    } else if (arg == ctx || arg == btf_or_null) {
      insns.emplace_back(0xbf, reg, arg == ctx ? 6 : 0, 0, 0);
    } else if (takes_size(arg) || needs_map(arg)) {
      insns.emplace_back(0xbf, reg, 10, 0, 0);
      insns.emplace_back(0x07, reg, 0, 0, -64);
    } else if (arg == dynptr_out) {
      insns.emplace_back(0xbf, reg, 10, 0, 0);
      insns.emplace_back(0x07, reg, 0, 0, -80);
    } else {
      insns.emplace_back(0xb7, reg, 0, 0, arg == size || arg == alloc_size ? 24 : 0);
    }
  }
  insns.emplace_back(kCall, 0, 0, 0, static_cast<std::int32_t>(helper.id));
  insns.push_back(kSetResult);
  insns.push_back(kExit);
  return insns;
}

}  // namespace

TEST_CASE("each helper takes the map types that the running kernel lets it take") {
  if (!kernel::referees()) return;
  const std::vector<kernel::ProgramKind> kinds = loadable_kinds();
  kernel::Referee referee;
  std::size_t checked = 0;
  std::set<std::string_view> undecided;
  for (const kernel::SmallMap& small : kernel::kSmallMaps) {
    const kernel::Descriptor map = kernel::create(small);
    if (!map.ok()) {
      MESSAGE("SKIP: this kernel makes no map of type ", std::string(name_of(small.type)));
      continue;
    }
    for (const abi::Helper& helper : abi::helpers()) {
      if (helper.maps == 0) continue;
      std::vector<kernel::ProgramKind> callers;
      std::ranges::copy_if(kinds, std::back_inserter(callers), [&](const auto& kind) {
        return abi::find_helper(helper.id, kind.type, kind.attach) == &helper && !kind.sleepable;
      });
      const auto xdp = std::ranges::find(callers, ProgType::xdp, &kernel::ProgramKind::type);
      if (callers.empty()) continue;
      const kernel::Verdict& verdict =
          referee.load(xdp != callers.end() ? *xdp : callers.front(), call_with_map(helper, map));
      INFO(helper.name, " with ", name_of(small.type), ": ", verdict.log);
      const Answer said = answer(helper, verdict);
      if (said == Answer::undecided) {
        undecided.insert(helper.name);
        continue;
      }
      CHECK(abi::contains(helper.maps, small.type) == (said == Answer::takes));
      ++checked;
    }
  }
  std::string names;
  for (const std::string_view name : undecided) names += " " + std::string(name);
  MESSAGE(checked, " pairs compared; not decided for all map types:", names);
  CHECK(checked > 500);
}
