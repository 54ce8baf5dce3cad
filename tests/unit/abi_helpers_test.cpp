// The helper table against the UAPI header and against what the running kernel lets programs call.
#include <doctest/doctest.h>

#include <linux/bpf.h>

#include <array>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "abi/helper.hpp"
#include "support/kernel.hpp"

using namespace skep;

namespace {

/// A program type as this kernel can load it.
struct Loadable {
  ProgType type;
  bpf_attach_type attach = {};
  std::uint32_t flags = 0;
};
constexpr Loadable kTypes[] = {
    {ProgType::socket_filter},
    {ProgType::kprobe},
    {ProgType::sched_cls},
    {ProgType::sched_act},
    {ProgType::tracepoint},
    {ProgType::xdp},
    {ProgType::perf_event},
    {ProgType::cgroup_skb},
    {ProgType::cgroup_sock, BPF_CGROUP_INET_SOCK_CREATE},
    {ProgType::lwt_in},
    {ProgType::lwt_out},
    {ProgType::lwt_xmit},
    {ProgType::sock_ops},
    {ProgType::sk_skb},
    {ProgType::cgroup_device},
    {ProgType::sk_msg},
    {ProgType::raw_tracepoint},
    {ProgType::cgroup_sock_addr, BPF_CGROUP_INET4_CONNECT},
    {ProgType::lwt_seg6local},
    {ProgType::lirc_mode2},
    {ProgType::sk_reuseport},
    {ProgType::flow_dissector},
    {ProgType::cgroup_sysctl},
    {ProgType::raw_tracepoint_writable},
    {ProgType::cgroup_sockopt, BPF_CGROUP_SETSOCKOPT},
    {ProgType::sk_lookup, BPF_SK_LOOKUP},
    {ProgType::syscall, {}, BPF_F_SLEEPABLE},
    {ProgType::netfilter, static_cast<bpf_attach_type>(45)},  // BPF_NETFILTER; not in Debian 12's header
};

struct Loaded {
  int result = 0;
  std::string log;
};

Loaded load(const Loadable& type, const std::vector<Insn>& insns, const char* license) {
  Loaded loaded;
  loaded.log.assign(16384, '\0');
  bpf_attr attr{};
  attr.prog_type = static_cast<std::uint32_t>(type.type);
  attr.expected_attach_type = type.attach;
  attr.prog_flags = type.flags;
  attr.insns = reinterpret_cast<std::uint64_t>(insns.data());
  attr.insn_cnt = static_cast<std::uint32_t>(insns.size());
  attr.license = reinterpret_cast<std::uint64_t>(license);
  attr.log_level = 1;
  attr.log_buf = reinterpret_cast<std::uint64_t>(loaded.log.data());
  attr.log_size = static_cast<std::uint32_t>(loaded.log.size());
  const kernel::Descriptor program(kernel::call(BPF_PROG_LOAD, attr));
  loaded.result = program.ok() ? 0 : program.get();
  loaded.log.resize(std::strlen(loaded.log.c_str()));
  return loaded;
}

constexpr Insn kSetResult{0xb7, 0, 0, 0, 1};
constexpr Insn kExit{0x95, 0, 0, 0, 0};

// The verifier asks for the prototype before it looks at arguments: its answer tells whether the type may call the
// helper.
Loaded call(const Loadable& type, std::uint32_t id, const char* license) {
  return load(type, {{0x85, 0, 0, 0, static_cast<std::int32_t>(id)}, kSetResult, kExit}, license);
}

bool says(const Loaded& loaded, std::string_view text) { return loaded.log.find(text) != std::string::npos; }

bool refused(const Loaded& loaded) { return says(loaded, "cannot use helper") || says(loaded, "unknown func"); }

bool in(abi::ProgTypes set, ProgType type) { return (set >> static_cast<unsigned>(type) & 1) != 0; }

// A helper of the same id that takes something else there: syscall programs get the prototypes of tracing.
bool another_prototype(const abi::Helper& helper, ProgType type) {
  return type == ProgType::syscall && helper.name == "xdp_get_buff_len";
}

bool kernel_referees() {
  const auto reason = kernel::unavailable_or_older();
  if (reason) MESSAGE("SKIP: ", *reason);
  return !reason;
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

TEST_CASE("described rows hold together: sizes follow memory, map parts follow a map, every row has its line") {
  using abi::Arg;
  std::size_t described = 0;
  for (const abi::Helper& helper : abi::helpers()) {
    CAPTURE(helper.name);
    CHECK(helper.described == !helper.doc.empty());
    if (!helper.described) continue;
    ++described;
    bool map_seen = false;
    bool size_due = false;
    for (const Arg arg : helper.args) {
      const bool size = arg == Arg::size || arg == Arg::size_or_zero;
      CHECK(size == size_due);
      size_due = arg == Arg::mem || arg == Arg::mem_or_null || arg == Arg::mem_out || arg == Arg::mem_out_or_null ||
                 arg == Arg::mem_inout;
      if (arg == Arg::map_key || arg == Arg::map_value || arg == Arg::map_value_out) CHECK(map_seen);
      map_seen |= arg == Arg::map;
    }
    CHECK_FALSE(size_due);
    CHECK(map_seen == (helper.maps != 0));
    CHECK((helper.ret == abi::Ret::record_or_null) == ((helper.effects & abi::acquires) != 0));
  }
  CHECK(described >= 45);
}

TEST_CASE("each program type may call the helpers that the running kernel lets it call") {
  if (!kernel_referees()) return;
  std::size_t checked = 0;
  for (const Loadable& type : kTypes) {
    CAPTURE(name_of(type.type));
    if (load(type, {kSetResult, kExit}, "GPL").result < 0) {
      MESSAGE("SKIP: this kernel loads no program of type ", std::string(name_of(type.type)));
      continue;
    }
    for (const abi::Helper& helper : abi::helpers()) {
      if (!helper.described || another_prototype(helper, type.type)) continue;
      CAPTURE(helper.name);
      const Loaded loaded = call(type, helper.id, "GPL");
      CHECK(in(helper.programs, type.type) == !refused(loaded));
      ++checked;
      if (refused(loaded)) continue;
      CHECK(((helper.effects & abi::gpl_only) != 0) == says(call(type, helper.id, "Proprietary"), "GPL"));
      CHECK(((helper.effects & abi::may_sleep) != 0 && type.flags == 0) == says(loaded, "might sleep"));
    }
  }
  CHECK(checked > 1000);
}

namespace {

/// The smallest map of each type that is made without BTF or a kernel object.
struct SmallMap {
  MapType type;
  std::uint32_t key_size = 4;
  std::uint32_t value_size = 4;
  std::uint32_t max_entries = 1;
  std::uint32_t flags = 0;
  bool holds_maps = false;
};
constexpr SmallMap kSmallMaps[] = {
    {MapType::hash},
    {MapType::array},
    {MapType::prog_array},
    {MapType::perf_event_array},
    {MapType::percpu_hash},
    {MapType::percpu_array},
    {MapType::stack_trace, 4, 8},
    {MapType::cgroup_array},
    {MapType::lru_hash},
    {MapType::lru_percpu_hash},
    {MapType::lpm_trie, 8, 4, 1, BPF_F_NO_PREALLOC},
    {.type = MapType::array_of_maps, .holds_maps = true},
    {.type = MapType::hash_of_maps, .holds_maps = true},
    {MapType::devmap},
    {MapType::sockmap},
    {MapType::cpumap},
    {MapType::xskmap},
    {MapType::sockhash},
    {MapType::cgroup_storage, 8, 4, 0},
    {MapType::reuseport_sockarray, 4, 8},
    {MapType::percpu_cgroup_storage, 8, 4, 0},
    {MapType::queue, 0},
    {MapType::stack, 0},
    {MapType::devmap_hash},
    {MapType::ringbuf, 0, 0, 4096},
    {MapType::bloom_filter, 0},
    {MapType::user_ringbuf, 0, 0, 4096},
    {MapType::arena, 0, 0, 1, BPF_F_MMAPABLE},
};

kernel::Descriptor create(const SmallMap& map) {
  bpf_attr attr{};
  attr.map_type = static_cast<std::uint32_t>(map.type);
  attr.key_size = map.key_size;
  attr.value_size = map.value_size;
  attr.max_entries = map.max_entries;
  attr.map_flags = map.flags;
  kernel::Descriptor inner;
  if (map.holds_maps) {
    inner = create({MapType::array});
    attr.inner_map_fd = static_cast<std::uint32_t>(inner.get());
  }
  return kernel::Descriptor(kernel::call(BPF_MAP_CREATE, attr));
}

// Whether the program, which keeps what it gets and stores no socket, was refused for nothing but that.
bool accepted(const Loaded& loaded) {
  return loaded.result == 0 || says(loaded, "Unreleased reference") || says(loaded, "expected=sock");
}

// A call with arguments that suit the row: pointers to eight zeros on the stack, zeros, the map.
std::vector<Insn> call_with_map(const abi::Helper& helper, const kernel::Descriptor& map) {
  using abi::Arg;
  std::vector<Insn> insns{{0xbf, 6, 1, 0, 0}, {0x7a, 10, 0, -8, 0}};
  for (std::uint8_t i = 0; i < helper.args.size(); ++i) {
    const auto reg = static_cast<std::uint8_t>(i + 1);
    const Arg arg = helper.args[i];
    if (arg == Arg::map) {
      insns.emplace_back(0x18, reg, BPF_PSEUDO_MAP_FD, 0, map.get());
      insns.emplace_back(0, 0, 0, 0, 0);
    } else if (arg == Arg::ctx) {
      insns.emplace_back(0xbf, reg, 6, 0, 0);
    } else if (arg == Arg::map_key || arg == Arg::map_value || arg == Arg::mem) {
      insns.emplace_back(0xbf, reg, 10, 0, 0);
      insns.emplace_back(0x07, reg, 0, 0, -8);
    } else {
      insns.emplace_back(0xb7, reg, 0, 0, 0);
    }
  }
  insns.emplace_back(0x85, 0, 0, 0, static_cast<std::int32_t>(helper.id));
  insns.push_back(kSetResult);
  insns.push_back(kExit);
  return insns;
}

}  // namespace

TEST_CASE("each helper takes the map types that the running kernel lets it take") {
  if (!kernel_referees()) return;
  std::size_t checked = 0;
  for (const SmallMap& small : kSmallMaps) {
    const kernel::Descriptor map = create(small);
    if (!map.ok()) {
      MESSAGE("SKIP: this kernel makes no map of type ", std::string(name_of(small.type)));
      continue;
    }
    for (const abi::Helper& helper : abi::helpers()) {
      if (helper.maps == 0 || (helper.effects & abi::calls_back) != 0) continue;
      CAPTURE(helper.name);
      CAPTURE(name_of(small.type));
      const Loaded loaded = load({ProgType::xdp}, call_with_map(helper, map), "GPL");
      CAPTURE(loaded.log);
      CHECK((helper.maps >> static_cast<unsigned>(small.type) & 1) == (accepted(loaded) ? 1 : 0));
      ++checked;
    }
  }
  CHECK(checked > 150);
}
