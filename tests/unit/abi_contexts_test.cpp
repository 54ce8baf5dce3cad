// The context tables against the running kernel: every offset, every size, loads, sign-extending loads and stores, in
// every program type and attach type that tells them apart, and what each field yields.
#include <doctest/doctest.h>

#include <linux/bpf.h>

#include <algorithm>
#include <array>
#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "abi/context_fields.hpp"
#include "abi/helper.hpp"
#include "abi/prog_types.hpp"
#include "support/kernel_verdict.hpp"

using namespace skep;
using abi::AttachType;
using abi::ContextAccess;
using abi::ContextField;
using abi::ContextLayout;

namespace {

constexpr Insn kZero{0xb7, 0, 0, 0, 0};
constexpr Insn kOne{0xb7, 0, 0, 0, 1};
constexpr Insn kExit{0x95, 0, 0, 0, 0};

/// One load or store at an offset of what a register points to.
struct Access {
  std::uint32_t off = 0;
  std::uint32_t size = 0;
  ContextAccess kind = ContextAccess::load;

  [[nodiscard]] Insn insn(std::uint8_t base, std::uint8_t value) const {
    const std::uint8_t width = size == 1 ? 0x10 : size == 2 ? 0x08 : size == 4 ? 0x00 : 0x18;
    const auto at = static_cast<std::int16_t>(off);
    switch (kind) {
      case ContextAccess::load:
        return {static_cast<std::uint8_t>(0x61 | width), value, base, at, 0};
      case ContextAccess::sign_extending_load:
        return {static_cast<std::uint8_t>(0x81 | width), value, base, at, 0};
      case ContextAccess::store:
        return {static_cast<std::uint8_t>(0x63 | width), base, value, at, 0};
    }
    return {};
  }
  [[nodiscard]] std::string text() const {
    constexpr std::array kVerbs{"load", "sign-extending load", "store"};
    return std::string(kVerbs[static_cast<unsigned>(kind)]) + " of " + std::to_string(size) + " at " +
           std::to_string(off);
  }
};

std::vector<Access> accesses_in(std::uint32_t from, std::uint32_t to) {
  std::vector<Access> all;
  for (std::uint32_t off = from; off < to; ++off) {
    for (const std::uint32_t size : {1u, 2u, 4u, 8u}) {
      for (const auto kind : {ContextAccess::load, ContextAccess::sign_extending_load, ContextAccess::store})
        if (size < 8 || kind != ContextAccess::sign_extending_load) all.push_back({off, size, kind});
    }
  }
  return all;
}

/// Every access near a structure; of one that is longer than 512 bytes, those at its ends.
std::vector<Access> accesses_to(const ContextLayout& layout) {
  constexpr std::uint32_t kNear = 256;
  if (layout.bytes <= 2 * kNear) return accesses_in(0, layout.bytes + 8);
  std::vector<Access> all = accesses_in(0, kNear);
  const std::vector<Access> end = accesses_in(layout.bytes - 32, std::min(layout.bytes + 16, 0x7fffu));
  all.insert(all.end(), end.begin(), end.end());
  return all;
}

/// Types whose accesses depend on the attach type get all that load; the others one, or where one field has its own,
/// two.
std::vector<kernel::ProgramKind> kinds_to_sweep() {
  using enum ProgType;
  kernel::Referee referee;
  std::vector<kernel::ProgramKind> kinds;
  for (const kernel::ProgramKind& kind : kernel::program_kinds()) {
    const bool each = kind.type == cgroup_sock || kind.type == cgroup_sock_addr || kind.type == cgroup_sockopt;
    const bool own = kind.type == xdp && kind.attach == AttachType::xdp_devmap;
    const bool seen = !kinds.empty() && kinds.back().type == kind.type;
    if (abi::context_of(kind.type) == nullptr || (seen && !each && !own) || !referee.loads(kind)) continue;
    kinds.push_back(kind);
  }
  return kinds;
}

AttachType attach_of(const kernel::ProgramKind& kind) { return abi::effective_attach_type(kind.type, kind.attach); }

// Programs of these attach types must return 1, all others may return 0.
std::vector<Insn> with_access(const Access& access, const Insn& result) {
  return {{0xb7, 2, 0, 0, 0}, access.insn(1, access.kind == ContextAccess::store ? 2 : 0), result, kExit};
}

Insn result_of(kernel::Referee& referee, const kernel::ProgramKind& kind) {
  return referee.load(kind, std::array{kZero, kExit}).result == 0 ? kZero : kOne;
}

}  // namespace

TEST_CASE("each program type may load and store what the running kernel lets it load and store") {
  if (!kernel::referees()) return;
  kernel::Referee referee;
  std::size_t compared = 0;
  for (const kernel::ProgramKind& kind : kinds_to_sweep()) {
    const ContextLayout& layout = *abi::context_of(kind.type);
    const Insn result = result_of(referee, kind);
    for (const Access& access : accesses_to(layout)) {
      const bool allowed =
          abi::find_context_access(layout, kind.type, attach_of(kind), access.off, access.size, access.kind) != nullptr;
      const kernel::Verdict& verdict = referee.load(kind, with_access(access, result));
      ++compared;
      if (allowed == (verdict.result == 0)) continue;
      INFO(kind.text(), ": ", access.text(), ": ", verdict.reason());
      CHECK(allowed == (verdict.result == 0));
    }
  }
  MESSAGE(compared, " verdicts compared");
  CHECK(compared > 30000);
}

namespace {

std::string_view kernel_word(const ContextField& field) {
  switch (field.kind) {
    case abi::FieldKind::scalar:
      return "scalar(";
    case abi::FieldKind::packet:
      return "pkt(";
    case abi::FieldKind::packet_end:
      return "pkt_end(";
    case abi::FieldKind::packet_meta:
      return "pkt_meta(";
    case abi::FieldKind::flow_keys:
      return "flow_keys(";
    case abi::FieldKind::socket:
      return "sock(";
    case abi::FieldKind::socket_or_null:
      return "sock_or_null(";
    case abi::FieldKind::sock_common_or_null:
      return "sock_common_or_null(";
    case abi::FieldKind::tp_buffer:
      return "tp_buffer(";
    case abi::FieldKind::btf:
      return "trusted_ptr_";
  }
  return "?";
}

bool yields(std::string_view log, std::string_view word, std::string_view type) {
  for (const std::string_view mark : {"R0=", "R0_w="}) {
    const std::size_t at = log.find(mark);
    if (at == std::string_view::npos) continue;
    const std::string_view value = log.substr(at + mark.size());
    return value.starts_with(std::string(word) + std::string(type));
  }
  return false;
}

}  // namespace

TEST_CASE("each field yields what the running kernel says it yields") {
  if (!kernel::referees()) return;
  kernel::Referee referee(2);
  std::size_t compared = 0;
  for (const kernel::ProgramKind& kind : kinds_to_sweep()) {
    const Insn result = result_of(referee, kind);
    const ContextLayout& layout = *abi::context_of(kind.type);
    for (const ContextField& field : layout.fields) {
      const std::uint32_t off = field.off;
      if (abi::find_context_access(layout, kind.type, attach_of(kind), off, field.size, ContextAccess::load) != &field)
        continue;
      const std::array program{Access{off, field.size}.insn(1, 0), result, kExit};
      const kernel::Verdict& verdict = referee.load(kind, program);
      INFO(kind.text(), ": ", field.name, ": ", verdict.log);
      const bool named = field.kind == abi::FieldKind::btf;
      CHECK(yields(verdict.log, kernel_word(field), named ? abi::name_of(field.type) : ""));
      ++compared;
    }
  }
  MESSAGE(compared, " fields compared");
  CHECK(compared > 300);
}

namespace {

/// A program that has r7 point to an object of the kernel, accesses it, and ends; and the table of what it may access.
struct Pointee {
  std::string_view name;
  const ContextLayout& layout;
  ProgType type;
  std::vector<Insn> get;  // into r0, which may be null
};

std::vector<Pointee> pointees(const kernel::Descriptor& xskmap) {
  const Insn sk{0x79, 1, 1, 168, 0};
  const Insn done_if_null{0x55, 1, 0, 2, 0};
  const auto call = [](abi::HelperId id) { return Insn{0x85, 0, 0, 0, static_cast<std::int32_t>(id)}; };
  const Insn copy{0xbf, 0, 1, 0, 0};
  return {
      {"sock_common", abi::kSockCommonPointee, ProgType::sched_cls, {sk, copy}},
      {"full socket",
       abi::kSocketPointee,
       ProgType::sched_cls,
       {sk, done_if_null, kZero, kExit, call(abi::HelperId::sk_fullsock)}},
      {"TCP socket",
       abi::kTcpSockPointee,
       ProgType::sched_cls,
       {sk, done_if_null, kZero, kExit, call(abi::HelperId::tcp_sock)}},
      {"XDP socket",
       abi::kXdpSockPointee,
       ProgType::xdp,
       {{0x7a, 10, 0, -8, 0},
        {0x18, 1, BPF_PSEUDO_MAP_FD, 0, xskmap.get()},
        {0, 0, 0, 0, 0},
        {0xbf, 2, 10, 0, 0},
        {0x07, 2, 0, 0, -8},
        call(abi::HelperId::map_lookup_elem)}},
  };
}

}  // namespace

TEST_CASE("behind a socket pointer lies what the running kernel lets a program load") {
  if (!kernel::referees()) return;
  kernel::Referee referee;
  bpf_attr attr{};
  attr.map_type = BPF_MAP_TYPE_XSKMAP;
  attr.key_size = 4;
  attr.value_size = 4;
  attr.max_entries = 1;
  const kernel::Descriptor xskmap(kernel::call(BPF_MAP_CREATE, attr));
  std::size_t compared = 0;
  for (const Pointee& pointee : pointees(xskmap)) {
    for (const Access& access : accesses_in(0, pointee.layout.bytes + 8)) {
      std::vector<Insn> program = pointee.get;
      for (const Insn& insn : {Insn{0x55, 0, 0, 2, 0}, kZero, kExit, Insn{0xbf, 7, 0, 0, 0}, Insn{0xb7, 2, 0, 0, 0},
                               access.insn(7, access.kind == ContextAccess::store ? 2 : 0), kZero, kExit})
        program.push_back(insn);
      const kernel::Verdict& verdict = referee.load({pointee.type}, program);
      const bool allowed = abi::find_context_access(pointee.layout, pointee.type, AttachType{}, access.off, access.size,
                                                    access.kind) != nullptr;
      INFO(pointee.name, ": ", access.text(), ": ", verdict.reason());
      CHECK(allowed == (verdict.result == 0));
      ++compared;
    }
  }
  MESSAGE(compared, " verdicts compared");
}

TEST_CASE("flow keys are plain memory of the size that the running kernel gives them") {
  if (!kernel::referees()) return;
  kernel::Referee referee;
  const std::uint32_t end = abi::kFlowKeysBytes;
  for (const Access& access : accesses_in(0, end + 8)) {
    const std::array program{Insn{0x79, 7, 1, 144, 0}, Insn{0xb7, 2, 0, 0, 0},
                             access.insn(7, access.kind == ContextAccess::store ? 2 : 0), kZero, kExit};
    const kernel::Verdict& verdict = referee.load({ProgType::flow_dissector}, program);
    INFO(access.text(), ": ", verdict.reason());
    CHECK((access.off + access.size <= end) == (verdict.result == 0));
  }
}

TEST_CASE("rows lie inside their structure, by ascending offset, and cb is the one that programs own") {
  for (std::uint32_t type = 0; type < 40; ++type) {
    const ContextLayout* layout = abi::context_of(static_cast<ProgType>(type));
    if (layout == nullptr) continue;
    std::uint32_t last = 0;
    for (const ContextField& field : layout->fields) {
      CAPTURE(field.name);
      CHECK(field.off >= last);
      CHECK((field.off + field.bytes <= layout->bytes || type == static_cast<std::uint32_t>(ProgType::syscall)));
      CHECK((field.loads | field.stores) != 0);
      CHECK((field.kind == abi::FieldKind::btf) == (field.type != abi::KernelType::none));
      last = field.off;
    }
  }
  CHECK(abi::context_of(static_cast<ProgType>(99)) == nullptr);
}
