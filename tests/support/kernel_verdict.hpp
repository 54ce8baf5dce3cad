// What the running kernel's verifier says of a few instructions, as a program of any type and attach type.
//
// Programs are loaded and dropped; nothing is attached, run or pinned. Types that take a kernel function or tracepoint
// to attach to get one that every kernel has, found in the kernel's own BTF.
#pragma once

#include <doctest/doctest.h>
#include <linux/bpf.h>

#include <cstring>
#include <fstream>
#include <iterator>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "abi/attach_types.hpp"
#include "support/kernel.hpp"

namespace skep::kernel {

/// A kind of program: what BPF_PROG_LOAD is told apart from the instructions.
struct ProgramKind {
  ProgType type = ProgType::unspec;
  abi::AttachType attach{};
  bool sleepable = false;
  std::uint32_t btf_id = 0;

  [[nodiscard]] std::string text() const {
    return std::string(name_of(type)) + "/" + std::string(abi::name_of(attach)) + (sleepable ? ".s" : "");
  }
};

/// Whether the running kernel can be asked, and is one that skep follows; says why not.
inline bool referees() {
  const auto reason = unavailable_or_older();
  if (reason) MESSAGE("SKIP: ", *reason);
  return !reason;
}

struct Verdict {
  int result = 0;  ///< 0 or a negative errno
  std::string log;

  [[nodiscard]] bool says(std::string_view text) const { return log.find(text) != std::string::npos; }
  /// The last line that is not a summary.
  [[nodiscard]] std::string reason() const {
    std::string_view rest = log;
    rest = rest.substr(0, rest.rfind("processed "));
    while (rest.ends_with('\n')) rest.remove_suffix(1);
    return std::string(rest.substr(rest.rfind('\n') + 1));
  }
};

/// Loads programs of one kind after another, into one log buffer.
class Referee {
 public:
  /// Level 1: what led to a rejection; level 2: every instruction and state.
  explicit Referee(std::uint32_t log_level = 1) : log_level_(log_level) {}

  const Verdict& load(const ProgramKind& kind, std::span<const Insn> insns, const char* license = "GPL") {
    buffer_[0] = '\0';
    bpf_attr attr{};
    attr.prog_type = static_cast<std::uint32_t>(kind.type);
    attr.expected_attach_type = static_cast<bpf_attach_type>(kind.attach);
    attr.prog_flags = kind.sleepable ? BPF_F_SLEEPABLE : 0;
    attr.attach_btf_id = kind.btf_id;
    attr.insns = reinterpret_cast<std::uint64_t>(insns.data());
    attr.insn_cnt = static_cast<std::uint32_t>(insns.size());
    attr.license = reinterpret_cast<std::uint64_t>(license);
    attr.log_level = log_level_;
    attr.log_buf = reinterpret_cast<std::uint64_t>(buffer_.data());
    attr.log_size = static_cast<std::uint32_t>(buffer_.size());
    const Descriptor program(call(BPF_PROG_LOAD, attr));
    verdict_.result = program.ok() ? 0 : program.get();
    verdict_.log.assign(buffer_.data());
    return verdict_;
  }

  /// Whether this kernel loads programs of the kind at all.
  bool loads(const ProgramKind& kind) {
    for (const std::int32_t result : {0, 1})  // some kinds must return 1
      if (load(kind, std::vector<Insn>{{0xb7, 0, 0, 0, result}, {0x95, 0, 0, 0, 0}}).result == 0) return true;
    return false;
  }

 private:
  std::uint32_t log_level_;
  std::vector<char> buffer_ = std::vector<char>(65536);
  Verdict verdict_;
};

struct KernelType {
  std::string name;
  std::uint32_t id = 0;
};

/// The types of a BTF_KIND_* in the kernel's BTF whose names start so; none when the kernel has no BTF.
inline std::vector<KernelType> kernel_types(std::uint32_t kind, std::string_view prefix) {
  std::ifstream file("/sys/kernel/btf/vmlinux", std::ios::binary);
  const std::string btf(std::istreambuf_iterator<char>(file), {});
  const auto word = [&btf](std::size_t at) {
    std::uint32_t value = 0;
    std::memcpy(&value, btf.data() + at, sizeof(value));
    return value;
  };
  constexpr std::size_t kHeader = 24;
  std::vector<KernelType> found;
  if (btf.size() < kHeader) return found;
  const std::size_t types = word(4) + word(8);
  const std::size_t strings = word(4) + word(16);
  // What follows the 12 bytes of each kind; for some kinds as often as there are members.
  constexpr std::uint32_t kExtra[20] = {0, 4, 0, 12, 12, 12, 8, 0, 0, 0, 0, 0, 0, 8, 4, 12, 0, 4, 0, 12};
  constexpr std::uint32_t kPerMember = 1u << 4 | 1u << 5 | 1u << 6 | 1u << 13 | 1u << 15 | 1u << 19;
  std::uint32_t id = 1;
  for (std::size_t at = types; at < types + word(12); ++id) {
    const std::uint32_t info = word(at + 4);
    const std::uint32_t its_kind = info >> 24 & 31;
    const std::string_view name = btf.data() + strings + word(at);
    if (its_kind == kind && name.starts_with(prefix)) found.push_back({std::string(name), id});
    at += 12 + kExtra[its_kind] * ((kPerMember >> its_kind & 1) != 0 ? info & 0xffff : 1);
  }
  return found;
}

/// The id of a type in the kernel's BTF, 0 when there is none.
inline std::uint32_t kernel_type_id(std::uint32_t kind, std::string_view name) {
  for (const KernelType& type : kernel_types(kind, name))
    if (type.name == name) return type.id;
  return 0;
}

inline constexpr std::uint32_t kBtfFunc = 12;
inline constexpr std::uint32_t kBtfTypedef = 8;

/// Every kind of program that means something to Linux 6.18 and can be loaded without a live object to name.
inline std::vector<ProgramKind> program_kinds() {
  using enum ProgType;
  using abi::AttachType;
  std::vector<ProgramKind> kinds;
  for (std::uint32_t type = 1; type <= 32; ++type) {
    if (type >= 26 && type <= 29) continue;
    for (std::uint32_t attach = 0; attach <= static_cast<std::uint32_t>(AttachType::trace_uprobe_session); ++attach)
      kinds.push_back({static_cast<ProgType>(type), static_cast<AttachType>(attach)});
  }
  kinds.push_back({kprobe, AttachType{}, true});
  kinds.push_back({syscall, AttachType{}, true});
  kinds.push_back({tracing, AttachType::trace_raw_tp, false, kernel_type_id(kBtfTypedef, "btf_trace_sched_switch")});
  kinds.push_back({tracing, AttachType::trace_iter, false, kernel_type_id(kBtfFunc, "bpf_iter_task")});
  kinds.push_back({tracing, AttachType::trace_iter, true, kernel_type_id(kBtfFunc, "bpf_iter_task")});
  kinds.push_back({tracing, AttachType::trace_iter, false, kernel_type_id(kBtfFunc, "bpf_iter_tcp")});
  kinds.push_back({tracing, AttachType::trace_fentry, false, kernel_type_id(kBtfFunc, "bpf_fentry_test1")});
  kinds.push_back({tracing, AttachType::trace_fexit, false, kernel_type_id(kBtfFunc, "bpf_fentry_test1")});
  kinds.push_back({tracing, AttachType::modify_return, false, kernel_type_id(kBtfFunc, "bpf_modify_return_test")});
  kinds.push_back({lsm, AttachType::lsm_mac, false, kernel_type_id(kBtfFunc, "bpf_lsm_file_open")});
  kinds.push_back({lsm, AttachType::lsm_cgroup, false, kernel_type_id(kBtfFunc, "bpf_lsm_socket_bind")});
  return kinds;
}

}  // namespace skep::kernel
