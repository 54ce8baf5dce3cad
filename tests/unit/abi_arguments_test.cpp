// The arguments of the helper table against the running kernel, one at a time: what it says it expects when it gets
// something else, whether null and size 0 will do, whether it writes, and whether it reads first.
//
// An argument is asked about with the ones before it in order, so those behind what cannot be made here (a timer, an
// inode, …) are left out; the tests say how many were asked about.
#include <doctest/doctest.h>

#include <linux/bpf.h>
#include <linux/capability.h>

#include <algorithm>
#include <array>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "abi/helper.hpp"
#include "abi/prog_types.hpp"
#include "support/kernel_verdict.hpp"
#include "support/small_maps.hpp"

using namespace skep;
using abi::Arg;
using kernel::ProgramKind;

namespace {

constexpr std::uint32_t kValueBytes = 64;
constexpr std::int16_t kZeros = -64;       // 64 zero bytes of stack
constexpr std::int16_t kUntouched = -128;  // 64 bytes of stack that nothing was written to

/// What goes into one argument register.
enum class Fill { zero, one, eight, context, stack, untouched, value, frozen_value, map, task, socket };

bool is_memory(Arg arg) {
  using enum Arg;
  constexpr std::array kMemory{map_key,     map_value,         map_value_or_null, map_value_out,   mem,
                               mem_or_null, mem_mutable,       mem_out,           mem_out_or_null, mem_inout,
                               fixed_mem,   mem_inout_or_null, fixed_out,         fixed_inout};
  return std::ranges::find(kMemory, arg) != kMemory.end();
}

/// Something that will do for the argument.
std::optional<Fill> good(const abi::ArgSpec& arg) {
  using enum Arg;
  switch (arg.kind) {
    case anything:
    case scalar:
    case ctx_or_null:
    case callback_ctx:
    case socket_or_null:
    case btf_sock_common_or_null:
    case map_value_or_null:
      return Fill::zero;
    case size:
    case size_or_zero:
    case alloc_size:
      return Fill::eight;
    case ctx:
      return Fill::context;
    case map:
      return Fill::map;
    case map_key:
    case map_value:
    case map_value_out:
      return Fill::stack;
    case mem:
    case mem_or_null:
    case mem_mutable:
    case mem_out:
    case mem_out_or_null:
    case mem_inout:
    case mem_inout_or_null:
    case fixed_mem:
    case fixed_out:
    case fixed_inout:
      return Fill::value;
    case c_string:
      return Fill::frozen_value;
    case sock_common:
    case btf_sock_common:
      return Fill::socket;
    case btf:
    case btf_or_null:
      if (arg.type == abi::KernelType::task_struct) return Fill::task;
      return arg.kind == btf_or_null ? std::optional(Fill::zero) : std::nullopt;
    case none:
    case record:
    case callback:
    case spin_lock:
    case timer:
    case kptr:
    case dynptr:
    case dynptr_out:
    case socket:
    case object_or_null:
    case percpu_btf:
    case other:
      return std::nullopt;
  }
  return std::nullopt;
}

/// The kernel's list of what it expects; empty when anything will do.
std::string_view expected(Arg arg) {
  using enum Arg;
  if (is_memory(arg)) return "fp, pkt, pkt_meta, map_key, map_value, mem, ringbuf_mem, buf, trusted_ptr_";
  switch (arg) {
    case scalar:
    case size:
    case size_or_zero:
    case alloc_size:
      return "scalar";
    case ctx:
    case ctx_or_null:
      return "ctx";
    case map:
      return "map_ptr";
    case record:
      return "ringbuf_mem";
    case callback:
      return "func";
    case callback_ctx:
      return "fp";
    case c_string:
    case timer:
      return "map_value";
    case spin_lock:
    case kptr:
      return "map_value, ptr_";
    case dynptr:
    case dynptr_out:
      return "fp, dynptr_ptr";
    case sock_common:
      return "sock_common, sock, tcp_sock, xdp_sock";
    case socket:
    case socket_or_null:
      return "sock";
    case btf_sock_common:
    case btf_sock_common_or_null:
      return "sock_common, sock, tcp_sock, xdp_sock, ptr_, trusted_ptr_";
    case btf:
    case btf_or_null:
    case object_or_null:
      return "ptr_, trusted_ptr_, rcu_ptr_";
    case percpu_btf:
      return "percpu_ptr_, percpu_rcu_ptr_, percpu_trusted_ptr_";
    default:
      return "";
  }
}

bool takes_null(Arg arg) {
  using enum Arg;
  constexpr std::array kNullable{anything,          scalar,         size,
                                 size_or_zero,      alloc_size,     ctx_or_null,
                                 map_value_or_null, mem_or_null,    mem_out_or_null,
                                 mem_inout_or_null, callback_ctx,   socket_or_null,
                                 btf_or_null,       object_or_null, btf_sock_common_or_null};
  return std::ranges::find(kNullable, arg) != kNullable.end();
}

bool writes(Arg arg) {
  using enum Arg;
  constexpr std::array kWritten{map_value_out,     mem_out,   mem_out_or_null, mem_inout,
                                mem_inout_or_null, fixed_out, fixed_inout};
  return std::ranges::find(kWritten, arg) != kWritten.end();
}

bool needs_contents(Arg arg) {
  using enum Arg;
  return is_memory(arg) && arg != map_value_out && arg != mem_out && arg != mem_out_or_null && arg != fixed_out;
}

/// Builds and loads calls.
class Caller {
 public:
  explicit Caller(std::uint32_t log_level = 1)
      : referee_(log_level), maps_(kernel::small_maps()), value_(array(0)), frozen_(array(BPF_F_RDONLY_PROG)) {
    bpf_attr attr{};
    attr.map_fd = static_cast<std::uint32_t>(frozen_.get());
    kernel::call(BPF_MAP_FREEZE, attr);
  }

  /// What the kernel says to a call with these in r1, r2, …; nothing when one of them cannot be made.
  const kernel::Verdict* call(const ProgramKind& kind, const abi::Helper& row, const std::vector<Fill>& fills) {
    std::vector<Insn> insns{{0xbf, 6, 1, 0, 0}};
    for (std::int16_t off = kZeros; off < 0; off += 8) insns.emplace_back(0x7a, 10, 0, off, 0);
    if (std::ranges::find(fills, Fill::task) != fills.end()) {
      insns.push_back(helper(abi::HelperId::get_current_task_btf));
      insns.emplace_back(0xbf, 7, 0, 0, 0);
    }
    if (std::ranges::find(fills, Fill::socket) != fills.end() && !append_socket(kind, insns)) return nullptr;
    for (std::uint8_t i = 0; i < fills.size(); ++i)
      if (!append(row, static_cast<std::uint8_t>(i + 1), fills[i], insns)) return nullptr;
    insns.push_back(helper(static_cast<abi::HelperId>(row.id)));
    insns.emplace_back(0xb7, 0, 0, 0, 1);
    insns.emplace_back(0x95, 0, 0, 0, 0);
    return &referee_.load(kind, insns);
  }

  kernel::Referee& referee() { return referee_; }

 private:
  static Insn helper(abi::HelperId id) { return {0x85, 0, 0, 0, static_cast<std::int32_t>(id)}; }
  static kernel::Descriptor array(std::uint32_t flags) {
    return kernel::create({MapType::array, 4, kValueBytes, 1, flags});
  }
  // r8 becomes the packet's socket, or the program ends.
  static bool append_socket(const ProgramKind& kind, std::vector<Insn>& insns) {
    const abi::ContextLayout* layout = abi::context_of(kind.type);
    if (layout == nullptr) return false;
    for (const abi::ContextField& field : layout->fields) {
      if (field.kind < abi::FieldKind::socket || field.kind > abi::FieldKind::sock_common_or_null) continue;
      insns.emplace_back(0x79, 8, 6, static_cast<std::int16_t>(field.off), 0);
      for (const Insn& insn : {Insn{0x55, 8, 0, 2, 0}, Insn{0xb7, 0, 0, 0, 1}, Insn{0x95, 0, 0, 0, 0}})
        insns.push_back(insn);
      return true;
    }
    return false;
  }
  bool append(const abi::Helper& row, std::uint8_t reg, Fill fill, std::vector<Insn>& insns) {
    const auto copy = [&](std::uint8_t from, std::int32_t plus) {
      insns.emplace_back(0xbf, reg, from, 0, 0);
      if (plus != 0) insns.emplace_back(0x07, reg, 0, 0, plus);
    };
    const auto wide = [&](std::uint8_t src, int fd) {
      insns.emplace_back(0x18, reg, src, 0, fd);
      insns.emplace_back(0, 0, 0, 0, 0);
    };
    switch (fill) {
      case Fill::zero:
      case Fill::one:
      case Fill::eight:
        insns.emplace_back(0xb7, reg, 0, 0, fill == Fill::eight ? 8 : fill == Fill::one ? 1 : 0);
        return true;
      case Fill::context:
        copy(6, 0);
        return true;
      case Fill::task:
        copy(7, 0);
        return true;
      case Fill::socket:
        copy(8, 0);
        return true;
      case Fill::stack:
        copy(10, kZeros);
        return true;
      case Fill::untouched:
        copy(10, kUntouched);
        return true;
      case Fill::value:
        wide(BPF_PSEUDO_MAP_VALUE, value_.get());
        return true;
      case Fill::frozen_value:
        wide(BPF_PSEUDO_MAP_VALUE, frozen_.get());
        return true;
      case Fill::map: {
        const auto map =
            std::ranges::find_if(maps_, [&](const auto& entry) { return abi::contains(row.maps, entry.first); });
        if (map == maps_.end()) return false;
        wide(BPF_PSEUDO_MAP_FD, map->second.get());
        return true;
      }
    }
    return false;
  }

  kernel::Referee referee_;
  std::map<MapType, kernel::Descriptor> maps_;
  kernel::Descriptor value_;
  kernel::Descriptor frozen_;
};

/// A prototype, an argument of it, and a kind of program to ask about it.
struct Question {
  const abi::Helper* row;
  unsigned index;
  ProgramKind kind;
  std::vector<Fill> before;

  [[nodiscard]] const abi::ArgSpec& arg() const { return row->args[index]; }
  [[nodiscard]] std::string text() const {
    return std::string(row->name) + " in " + kind.text() + ", argument " + std::to_string(index + 1);
  }
  [[nodiscard]] std::vector<Fill> with(std::initializer_list<Fill> fills) const {
    std::vector<Fill> all = before;
    all.insert(all.end(), fills);
    return all;
  }
  /// "R2 type=", the start of the kernel's complaint.
  [[nodiscard]] std::string complaint() const { return "R" + std::to_string(index + 1) + " type="; }
};

// The context's socket is in __sk_buff, sock_ops, …; those ask first.
std::vector<ProgramKind> callers(kernel::Referee& referee) {
  std::vector<ProgramKind> kinds;
  std::set<std::string> seen;
  for (ProgramKind kind : kernel::program_kinds()) {
    const bool sock = kind.type == ProgType::cgroup_sock;
    if (kind.type == ProgType::kprobe && kind.attach != abi::AttachType::trace_kprobe_multi &&
        kind.attach != abi::AttachType{})
      continue;
    const std::string key = sock || kind.type == ProgType::tracing || kind.type == ProgType::kprobe
                                ? kind.text()
                                : std::string(name_of(kind.type));
    if (seen.contains(key) || !referee.loads(kind)) continue;
    seen.insert(key);
    kinds.push_back(kind);
  }
  return kinds;
}

std::vector<Question> questions(Caller& caller) {
  std::vector<Question> all;
  std::set<const abi::Helper*> seen;
  for (const ProgramKind& kind : callers(caller.referee())) {
    for (const abi::Helper& helper : abi::helpers()) {
      const abi::Helper* row = abi::find_helper(helper.id, kind.type, kind.attach);
      const bool sleeps = row != nullptr && (row->effects & abi::may_sleep) != 0 && !kind.sleepable;
      if (row == nullptr || sleeps || (row->effects & abi::asks_target) != 0) continue;
      const bool wants_socket = std::ranges::any_of(row->args, [](const abi::ArgSpec& arg) {
        return arg.kind == Arg::sock_common || arg.kind == Arg::btf_sock_common;
      });
      if (wants_socket && kind.type != ProgType::sched_cls && kind.type != ProgType::cgroup_skb &&
          kind.type != ProgType::cgroup_sockopt)
        continue;
      if (caller.call(kind, *row, {})->says("cannot use helper") || !seen.insert(row).second) continue;
      std::vector<Fill> before;
      for (unsigned i = 0; i < row->args.size() && row->args[i].kind != Arg::none; ++i) {
        all.push_back({row, i, kind, before});
        const auto next = good(row->args[i]);
        if (!next) break;
        before.push_back(*next);
      }
    }
  }
  return all;
}

}  // namespace

TEST_CASE("each argument is of the kind that the running kernel expects") {
  if (!kernel::referees()) return;
  Caller caller;
  std::size_t asked = 0;
  for (const Question& question : questions(caller)) {
    const Arg arg = question.arg().kind;
    const bool context = arg == Arg::ctx || arg == Arg::ctx_or_null;
    const kernel::Verdict* verdict =
        caller.call(question.kind, *question.row, question.with({context ? Fill::one : Fill::context}));
    if (verdict == nullptr) continue;
    INFO(question.text(), ": ", verdict->log);
    const std::string complaint = question.complaint() + (context ? "scalar" : "ctx") + " expected=";
    if (expected(arg).empty())
      CHECK_FALSE(verdict->says(question.complaint()));
    else
      CHECK(verdict->says(complaint + std::string(expected(arg)) + "\n"));
    ++asked;
  }
  MESSAGE(asked, " arguments asked about");
  CHECK(asked > 350);
}

TEST_CASE("null, size 0 and read-only memory will do where they will do in the running kernel") {
  if (!kernel::referees()) return;
  Caller caller;
  for (const Question& question : questions(caller)) {
    const Arg arg = question.arg().kind;
    const kernel::Verdict* verdict = caller.call(question.kind, *question.row, question.with({Fill::zero}));
    if (verdict == nullptr) continue;
    INFO(question.text(), ": ", verdict->log);
    CHECK(verdict->says(question.complaint() + "scalar expected=") == !takes_null(arg));
    if (arg == Arg::size || arg == Arg::size_or_zero) {
      CHECK(verdict->says("R" + std::to_string(question.index + 1) + " invalid zero-sized read") == (arg == Arg::size));
    }
    if (!is_memory(arg) || arg == Arg::map_key) continue;
    const kernel::Verdict* frozen =
        caller.call(question.kind, *question.row, question.with({Fill::frozen_value, Fill::eight}));
    INFO(frozen->log);
    CHECK(frozen->says("write into map forbidden") == writes(arg));
  }
}

namespace {

/// What the kernel's log calls r0 after the call; empty when it did not get so far.
std::string result_in(const kernel::Verdict& verdict) {
  const std::size_t call = verdict.log.rfind("(85) call");
  for (const std::string_view mark : {"R0=", "R0_w="}) {
    const std::size_t at = call == std::string::npos ? call : verdict.log.find(mark, call);
    if (at == std::string::npos) continue;
    const std::size_t from = at + mark.size();
    return verdict.log.substr(from, verdict.log.find_first_of(" \n", from) - from);
  }
  return {};
}

std::string expected_result(const abi::Helper& row) {
  using enum abi::Ret;
  const std::string type(abi::name_of(row.ret_type));
  switch (row.ret) {
    case scalar:
      return "scalar(";
    case nothing:
      return "1";  // the next instruction's
    case map_value:
      return "map_value(";
    case map_value_or_null:
      return "map_value_or_null(";
    case record_or_null:
      return "ringbuf_mem_or_null(";
    case dynptr_mem_or_null:
      return "mem_or_null(";
    case sock_common_or_null:
      return "sock_common_or_null(";
    case socket_or_null:
      return "sock_or_null(";
    case tcp_sock_or_null:
      return "tcp_sock_or_null(";
    case btf:
      return ((row.effects & abi::trusted) != 0 ? "trusted_ptr_" : "ptr_") + type + "(";
    case btf_or_null:
      return "ptr_or_null_" + type + "(";
    case this_cpu:
    case this_cpu_or_null:
    case kptr_or_null:
      return "?";
  }
  return "?";
}

}  // namespace

TEST_CASE("calls yield what the running kernel says they yield, references included") {
  if (!kernel::referees()) return;
  Caller caller(2);
  std::size_t asked = 0;
  for (const Question& question : questions(caller)) {
    const auto last = std::ranges::find(question.row->args, Arg::none, &abi::ArgSpec::kind);
    if (question.index + 1 != static_cast<unsigned>(last - question.row->args.begin())) continue;
    const auto fill = good(question.arg());
    if (!fill) continue;
    const kernel::Verdict* verdict = caller.call(question.kind, *question.row, question.with({*fill}));
    if (verdict == nullptr) continue;
    const std::string result = result_in(*verdict);
    if (result.empty()) continue;
    INFO(question.text(), ": ", verdict->log);
    const std::string wanted = expected_result(*question.row);
    const bool bounded = (question.row->effects & (abi::returns_length | abi::returns_cpu)) != 0;
    CHECK((result.starts_with(wanted) || (bounded && result.starts_with("scalar"))));
    if (wanted != "1") CHECK(verdict->says("ref_obj_id=") == ((question.row->effects & abi::acquires) != 0));
    if (wanted == "scalar(") CHECK((result != "scalar()" && !result.starts_with("scalar(id=")) == bounded);
    ++asked;
  }
  MESSAGE(asked, " results compared");
  CHECK(asked > 100);
}

namespace {

/// Gives up CAP_PERFMON and CAP_SYS_ADMIN for as long as it lives: Linux minds stack that was never written, then.
class LessPrivilege {
 public:
  LessPrivilege() {
    ::syscall(SYS_capget, &header_, kept_.data());
    auto fewer = kept_;
    fewer[0].effective &= ~(1u << CAP_SYS_ADMIN);
    fewer[1].effective &= ~(1u << (38 - 32));  // CAP_PERFMON
    ok_ = ::syscall(SYS_capset, &header_, fewer.data()) == 0;
  }
  LessPrivilege(const LessPrivilege&) = delete;
  LessPrivilege& operator=(const LessPrivilege&) = delete;
  ~LessPrivilege() { ::syscall(SYS_capset, &header_, kept_.data()); }
  [[nodiscard]] bool ok() const { return ok_; }

 private:
  __user_cap_header_struct header_{_LINUX_CAPABILITY_VERSION_3, 0};
  std::array<__user_cap_data_struct, 2> kept_{};
  bool ok_ = false;
};

}  // namespace

TEST_CASE("memory must be initialised where the running kernel says so to those who may not see its leftovers") {
  if (!kernel::referees()) return;
  Caller caller;
  const LessPrivilege less;
  if (!less.ok()) {
    MESSAGE("SKIP: capabilities cannot be given up here");
    return;
  }
  std::size_t asked = 0;
  for (const Question& question : questions(caller)) {
    const Arg arg = question.arg().kind;
    if (!is_memory(arg)) continue;
    const kernel::Verdict* verdict =
        caller.call(question.kind, *question.row, question.with({Fill::untouched, Fill::eight}));
    if (verdict == nullptr) continue;
    INFO(question.text(), ": ", verdict->log);
    CHECK(verdict->says("invalid read from stack") == needs_contents(arg));
    ++asked;
  }
  MESSAGE(asked, " memory arguments asked about");
  CHECK(asked > 50);
}

TEST_CASE("helpers want the privilege that the running kernel wants of those who may use BPF") {
  if (!kernel::referees()) return;
  Caller caller;
  const LessPrivilege less;
  if (!less.ok()) {
    MESSAGE("SKIP: capabilities cannot be given up here");
    return;
  }
  std::size_t asked = 0;
  for (const ProgramKind& kind : callers(caller.referee())) {
    for (const abi::Helper& helper : abi::helpers()) {
      const abi::Helper* row = abi::find_helper(helper.id, kind.type, kind.attach);
      const bool by_type =
          kind.type == ProgType::tracing || kind.type == ProgType::syscall;  // they ask at other places
      if (row == nullptr || by_type || (row->effects & abi::asks_target) != 0) continue;
      INFO(helper.name, " in ", kind.text());
      CHECK(caller.call(kind, *row, {})->says("cannot use helper") ==
            (abi::privilege_needed(helper.id) == abi::Privilege::perfmon));
      ++asked;
    }
  }
  MESSAGE(asked, " calls asked about");
  CHECK(asked > 2000);
}
