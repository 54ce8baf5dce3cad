// libcapstone, asked for one stretch of code at a time.
#include "cli/machine_text.hpp"

#include <fmt/format.h>

#ifdef SKEP_HAS_CAPSTONE
#include <capstone.h>

#include <memory>
#endif

namespace skep::cli {

const char* machine_name() noexcept {
#ifdef __aarch64__
  return "arm64";
#else
  return "x86-64";
#endif
}

#ifdef SKEP_HAS_CAPSTONE
namespace {

struct Closer {
  void operator()(const csh* handle) const {
    csh open = *handle;
    cs_close(&open);
    delete handle;
  }
};

std::unique_ptr<csh, Closer> open_capstone() {
  auto handle = std::make_unique<csh>();
#ifdef __aarch64__
  const cs_err error = cs_open(CS_ARCH_ARM64, CS_MODE_ARM, handle.get());
#else
  const cs_err error = cs_open(CS_ARCH_X86, CS_MODE_64, handle.get());
#endif
  if (error != CS_ERR_OK) return nullptr;
  cs_option(*handle, CS_OPT_DETAIL, CS_OPT_ON);
  return std::unique_ptr<csh, Closer>(handle.release());
}

/// Where a direct jump or call goes: its last operand, when that is a number.
std::optional<std::uint64_t> target_of(csh handle, const cs_insn& insn) {
  if (!cs_insn_group(handle, &insn, CS_GRP_JUMP) && !cs_insn_group(handle, &insn, CS_GRP_CALL)) return std::nullopt;
#ifdef __aarch64__
  const cs_arm64& detail = insn.detail->arm64;
  constexpr auto kNumber = ARM64_OP_IMM;
#else
  const cs_x86& detail = insn.detail->x86;
  constexpr auto kNumber = X86_OP_IMM;
#endif
  if (detail.op_count == 0) return std::nullopt;
  const auto& last = detail.operands[detail.op_count - 1];
  if (last.type != kNumber) return std::nullopt;
  return static_cast<std::uint64_t>(last.imm);
}

}  // namespace

bool has_machine_text() noexcept { return true; }

std::vector<MachineInsn> machine_text(std::span<const std::byte> code, std::uint32_t at) {
  std::vector<MachineInsn> insns;
  const auto handle = open_capstone();
  if (handle == nullptr) return insns;
  cs_insn* room = cs_malloc(*handle);
  const auto* next = reinterpret_cast<const std::uint8_t*>(code.data());
  std::size_t left = code.size();
  std::uint64_t address = at;
  while (left != 0) {
    if (cs_disasm_iter(*handle, &next, &left, &address, room)) {
      const char* space = room->op_str[0] == '\0' ? "" : " ";
      insns.push_back({static_cast<std::uint32_t>(room->address), room->size,
                       fmt::format("{}{}{}", room->mnemonic, space, room->op_str), target_of(*handle, *room)});
      continue;
    }
    insns.push_back({static_cast<std::uint32_t>(address), 1, fmt::format(".byte {:#04x}", *next), std::nullopt});
    ++next;
    --left;
    ++address;
  }
  cs_free(room, 1);
  return insns;
}

#else

bool has_machine_text() noexcept { return false; }

std::vector<MachineInsn> machine_text(std::span<const std::byte>, std::uint32_t) { return {}; }

#endif

}  // namespace skep::cli
