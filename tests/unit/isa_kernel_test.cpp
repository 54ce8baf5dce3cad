// The running kernel as referee: its verifier's log prints instructions as the kernel style does, and the encodings
// that it calls unknown or reserved are those that decode refuses.
#include <doctest/doctest.h>

#include <array>
#include <set>
#include <sstream>
#include <string>
#include <vector>

#include "isa/table.hpp"
#include "isa/text.hpp"
#include "support/kernel.hpp"

namespace skep::isa {
namespace {

/// Loads `insns` as a socket filter and gives the verifier's log.
std::string verifier_log(const std::vector<Insn>& insns, std::uint32_t level) {
  std::string log(1 << 20, '\0');
  bpf_attr attr{};
  attr.prog_type = BPF_PROG_TYPE_SOCKET_FILTER;
  attr.insns = reinterpret_cast<std::uint64_t>(insns.data());
  attr.insn_cnt = static_cast<std::uint32_t>(insns.size());
  attr.license = reinterpret_cast<std::uint64_t>("GPL");
  attr.log_level = level;
  attr.log_buf = reinterpret_cast<std::uint64_t>(log.data());
  attr.log_size = static_cast<std::uint32_t>(log.size());
  const kernel::Descriptor program(kernel::call(BPF_PROG_LOAD, attr));
  log.resize(log.find('\0'));
  return log;
}

/// What a sample instruction may rely on: r0, r1 and r2 are 3, and so is the top of the stack.
void append_ground(std::vector<Insn>& insns) {
  for (std::uint8_t reg : {0, 1, 2}) insns.push_back(Insn(0xb7, reg, 0, 0, 3));
  insns.push_back(Insn(0x7b, 10, 1, -8, 0));
}

void append_end(std::vector<Insn>& insns) {
  insns.push_back(Insn(0xb7, 0, 0, 0, 0));
  insns.push_back(Insn(0x95, 0, 0, 0, 0));
}

/// An instruction of that form which the verifier accepts on that ground; nothing for forms that need more.
std::vector<Insn> acceptable(const FormInfo& row) {
  const auto src = static_cast<std::uint8_t>(row.src == kAny ? 2 : row.src);
  const auto off = static_cast<std::int16_t>(row.off == kAny ? 0 : row.off);
  const auto imm = static_cast<std::int32_t>(row.imm == kAny ? 5 : row.imm);
  switch (row.operands) {
    case Operands::dst:
      if (row.operation == Operation::call_) return {};
      [[fallthrough]];
    case Operands::dst_imm:
    case Operands::dst_src:
    case Operands::compare_imm:
    case Operands::compare_src:
      return {Insn(row.opcode, 1, src, off, imm)};
    case Operands::jump_off:
      if (row.operation == Operation::may_goto_) return {};
      return {Insn(row.opcode, 0, 0, 0, 0)};
    case Operands::jump_imm:
      return {Insn(row.opcode, 0, 0, 0, 0)};
    case Operands::load:
      return {Insn(row.opcode, 1, 10, -8, imm)};
    case Operands::store_imm:
    case Operands::store_src:
    case Operands::atomic:
      return {Insn(row.opcode, 10, src, -8, imm)};
    case Operands::lddw:
      if (row.form != Form::lddw_imm) return {};
      return {Insn(row.opcode, 1, 0, 0, -7), Insn(0, 0, 0, 0, 0x1234)};
    case Operands::none:
    case Operands::dst_src_imm:
    case Operands::call_imm:
    case Operands::call_pc:
    case Operands::packet_abs:
    case Operands::packet_ind:
      return {};
  }
  return {};
}

std::vector<Insn> program_of_many_forms() {
  std::vector<Insn> insns;
  for (const FormInfo& row : forms()) {
    append_ground(insns);
    const auto insn = acceptable(row);
    insns.insert(insns.end(), insn.begin(), insn.end());
  }
  append_end(insns);
  return insns;
}

bool kernel_accepts(const std::vector<Insn>& sample) {
  std::vector<Insn> insns;
  append_ground(insns);
  insns.insert(insns.end(), sample.begin(), sample.end());
  append_end(insns);
  return kernel::load(ProgType::socket_filter, insns).ok();
}

}  // namespace

TEST_CASE("the kernel style is the text of the running kernel's verifier log") {
  if (const auto why = kernel::unavailable()) {
    MESSAGE("SKIP: ", *why);
    return;
  }
  const auto insns = program_of_many_forms();
  REQUIRE(check(insns).has_value());
  const std::string log = verifier_log(insns, 2);
  std::set<Form> seen;
  std::istringstream lines(log);
  for (std::string line; std::getline(lines, line);) {
    const auto colon = line.find(": (");
    if (colon == std::string::npos || line.find_first_not_of("0123456789") != colon) continue;
    const auto pc = static_cast<std::uint32_t>(std::stoul(line));
    REQUIRE(pc < insns.size());
    std::string text = line.substr(colon + 2);
    text.resize(std::min(text.find(';'), text.size()));
    text.resize(text.find_last_not_of(' ') + 1);
    CHECK(text == disassemble(insns, pc, Style::kernel));
    seen.insert(*decode(insns[pc]));
  }
  CHECK(seen.size() >= 150);
}

TEST_CASE("decode refuses an opcode exactly when the running kernel calls it unknown") {
  if (const auto why = kernel::unavailable()) {
    MESSAGE("SKIP: ", *why);
    return;
  }
  // Opcodes that another part of the kernel refuses first, in other words; and callx, which LLVM emits and Linux does
  // not run.
  const std::set<unsigned> elsewhere{0x18, 0x8d};
  for (unsigned opcode = 0; opcode < 256; ++opcode) {
    if (elsewhere.contains(opcode)) continue;
    CAPTURE(opcode);
    const auto log = verifier_log({Insn(static_cast<std::uint8_t>(opcode), 0, 0, 0, 0), Insn(0x95, 0, 0, 0, 0)}, 1);
    const bool unknown = log.find("unknown opcode") != std::string::npos ||
                         log.find("BPF_LDX uses reserved fields") != std::string::npos;
    bool assigned = false;
    for (const FormInfo& row : forms()) assigned = assigned || row.opcode == opcode;
    CAPTURE(log);
    CHECK(unknown == !assigned);
  }
}

TEST_CASE("a reserved field that decode refuses makes the running kernel refuse an instruction it takes without") {
  if (const auto why = kernel::unavailable()) {
    MESSAGE("SKIP: ", *why);
    return;
  }
  std::size_t refused = 0;
  for (const FormInfo& row : forms()) {
    const auto good = acceptable(row);
    if (good.empty()) continue;
    CAPTURE(name(row.form));
    CHECK(kernel_accepts(good));
    std::vector<std::vector<Insn>> variants(4, good);
    variants[0][0].dst = 2;
    variants[1][0].src = 7;
    variants[2][0].off = 5;
    variants[3][0].imm = 3;
    for (const auto& variant : variants) {
      if (decode(variant[0]).has_value()) continue;
      ++refused;
      CAPTURE(disassemble(good, 0));
      CHECK_FALSE(kernel_accepts(variant));
    }
  }
  CHECK(refused > 200);
}

}  // namespace skep::isa
