// What the tables say of tracepoints' and iterators' arguments against the running kernel: every tracepoint, every
// argument. Hooks cannot be loaded there; their lists are checked for being in order.
#include <doctest/doctest.h>

#include <array>
#include <string>
#include <string_view>

#include "abi/attach_targets.hpp"
#include "support/kernel_verdict.hpp"

using namespace skep;
using abi::AttachType;

namespace {

/// What an argument's load yields, in the kernel's words; empty when there is no such argument.
std::string loads_as(kernel::Referee& referee, const kernel::ProgramKind& kind, unsigned arg) {
  const std::array program{Insn{0x79, 7, 1, static_cast<std::int16_t>(8 * arg), 0}, Insn{0xb7, 0, 0, 0, 0},
                           Insn{0x95, 0, 0, 0, 0}};
  const kernel::Verdict& verdict = referee.load(kind, program);
  if (verdict.result != 0) return {};
  for (const std::string_view mark : {"R7=", "R7_w="}) {
    const std::size_t at = verdict.log.find(mark);
    if (at == std::string::npos) continue;
    const std::size_t from = at + mark.size();
    return verdict.log.substr(from, verdict.log.find('(', from) - from);
  }
  return "?";
}

}  // namespace

TEST_CASE("tracepoints have the nullable arguments that the running kernel says they have") {
  if (!kernel::referees()) return;
  kernel::Referee referee(2);
  constexpr std::string_view kPrefix = "btf_trace_";
  constexpr unsigned kMaxArgs = 12;
  std::size_t compared = 0;
  std::size_t nullable = 0;
  for (const kernel::KernelType& type : kernel::kernel_types(kernel::kBtfTypedef, kPrefix)) {
    const std::string name = type.name.substr(kPrefix.size());
    const abi::TracepointArgs* row = abi::find_tracepoint_args(name);
    for (unsigned arg = 0; arg < kMaxArgs; ++arg) {
      const std::string word = loads_as(referee, {ProgType::tracing, AttachType::trace_raw_tp, false, type.id}, arg);
      if (word.empty()) break;
      INFO(name, ", argument ", arg, ": ", word);
      const bool may_be_null = row != nullptr && (row->nullable >> arg & 1) != 0;
      const bool error = row != nullptr && (row->errors >> arg & 1) != 0;
      CHECK(word.starts_with("trusted_ptr_or_null_") == may_be_null);
      if (error) CHECK(word == "scalar");
      nullable += may_be_null ? 1 : 0;
      ++compared;
    }
  }
  MESSAGE(compared, " arguments compared, ", nullable, " nullable");
  CHECK(compared > 1000);
}

TEST_CASE("iterators have the arguments that the running kernel says they have") {
  if (!kernel::referees()) return;
  kernel::Referee referee(2);
  std::size_t compared = 0;
  for (const abi::IterTarget& target : abi::iter_targets()) {
    const std::uint32_t id = kernel::kernel_type_id(kernel::kBtfFunc, "bpf_iter_" + std::string(target.name));
    const kernel::ProgramKind kind{ProgType::tracing, AttachType::trace_iter, false, id};
    if (id == 0 || !referee.loads(kind)) {
      MESSAGE("SKIP: this kernel has no iterator ", std::string(target.name));
      continue;
    }
    for (unsigned arg = 0; arg < abi::IterTarget::kMaxArgs; ++arg) {
      const std::string word = loads_as(referee, kind, arg);
      INFO(target.name, ", argument ", arg, ": ", word);
      switch (target.args[arg]) {
        case abi::IterArg::none:
          CHECK(word.empty());
          break;
        case abi::IterArg::trusted:
          CHECK((word == "scalar" || (word.starts_with("trusted_ptr_") && !word.starts_with("trusted_ptr_or_null_"))));
          break;
        case abi::IterArg::trusted_or_null:
          CHECK(word.starts_with("trusted_ptr_or_null_"));
          break;
        case abi::IterArg::plain_or_null:
          CHECK(word.starts_with("ptr_or_null_"));
          break;
        case abi::IterArg::buffer_or_null:
          CHECK(word == "buf_or_null");
          break;
        case abi::IterArg::rdonly_buffer_or_null:
          CHECK(word == "rdonly_buf_or_null");
          break;
      }
      ++compared;
    }
    kernel::Referee other;
    CHECK(other.loads({ProgType::tracing, AttachType::trace_iter, true, id}));
  }
  MESSAGE(compared, " arguments compared");
}

TEST_CASE("no iterator of the running kernel is missing") {
  if (!kernel::referees()) return;
  kernel::Referee referee;
  constexpr std::string_view kPrefix = "bpf_iter_";
  for (const kernel::KernelType& type : kernel::kernel_types(kernel::kBtfFunc, kPrefix)) {
    if (!referee.loads({ProgType::tracing, AttachType::trace_iter, false, type.id})) continue;
    CAPTURE(type.name);
    CHECK(abi::find_iter_target(type.name.substr(kPrefix.size())) != nullptr);
  }
}

TEST_CASE("hooks and functions are found by their whole name only") {
  REQUIRE(abi::find_lsm_hook("file_open") != nullptr);
  CHECK(abi::find_lsm_hook("file_open")->flags == abi::hook_sleepable);
  CHECK(abi::find_lsm_hook("file_ope") == nullptr);
  CHECK(abi::find_lsm_hook("bpf_map_free")->flags == (abi::hook_sleepable | abi::hook_untrusted));
  CHECK(abi::find_lsm_hook("inode_xattr_skipcap")->flags == abi::hook_bool);
  CHECK(abi::find_lsm_hook("") == nullptr);
  CHECK(abi::find_lsm_hook("zzz") == nullptr);
  CHECK(abi::find_tracepoint_args("sched_switch") == nullptr);
  CHECK(abi::d_path_allowed("filp_close"));
  CHECK(abi::d_path_allowed("vfs_truncate"));
  CHECK(abi::d_path_allowed("dentry_open"));
  CHECK_FALSE(abi::d_path_allowed("vfs_read"));
}
