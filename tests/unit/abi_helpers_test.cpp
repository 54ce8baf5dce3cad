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
  const auto reason = kernel::unavailable();
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
