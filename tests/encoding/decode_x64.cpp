// libcapstone on x86-64 code, with its names of registers turned into ours. What was seen is kept: most of the code
// that the encoding test builds is the same from one program to the next.
#include <capstone.h>

#include <string_view>
#include <unordered_map>

#include "encoding/decoded.hpp"

namespace skep::encoding {
namespace {

struct Names {
  std::uint8_t reg;
  std::array<x86_reg, 4> sizes;  // 64, 32, 16, 8 bits
};
constexpr std::array<Names, 16> kNames{{
    {0, {X86_REG_RAX, X86_REG_EAX, X86_REG_AX, X86_REG_AL}},
    {1, {X86_REG_RSI, X86_REG_ESI, X86_REG_SI, X86_REG_SIL}},
    {2, {X86_REG_RDX, X86_REG_EDX, X86_REG_DX, X86_REG_DL}},
    {3, {X86_REG_RCX, X86_REG_ECX, X86_REG_CX, X86_REG_CL}},
    {4, {X86_REG_R8, X86_REG_R8D, X86_REG_R8W, X86_REG_R8B}},
    {5, {X86_REG_R9, X86_REG_R9D, X86_REG_R9W, X86_REG_R9B}},
    {6, {X86_REG_RBX, X86_REG_EBX, X86_REG_BX, X86_REG_BL}},
    {7, {X86_REG_R13, X86_REG_R13D, X86_REG_R13W, X86_REG_R13B}},
    {8, {X86_REG_R14, X86_REG_R14D, X86_REG_R14W, X86_REG_R14B}},
    {9, {X86_REG_R15, X86_REG_R15D, X86_REG_R15W, X86_REG_R15B}},
    {kFramePointer, {X86_REG_RBP, X86_REG_EBP, X86_REG_BP, X86_REG_BPL}},
    {kMachine, {X86_REG_R12, X86_REG_R12D, X86_REG_R12W, X86_REG_R12B}},
    {kStackPointer, {X86_REG_RSP, X86_REG_ESP, X86_REG_SP, X86_REG_SPL}},
    {kOthers, {X86_REG_RDI, X86_REG_EDI, X86_REG_DI, X86_REG_DIL}},
    {kOthers + 1, {X86_REG_R10, X86_REG_R10D, X86_REG_R10W, X86_REG_R10B}},
    {kOthers + 2, {X86_REG_R11, X86_REG_R11D, X86_REG_R11W, X86_REG_R11B}},
}};

class X64Decoder final : public Decoder {
 public:
  explicit X64Decoder(csh handle) : handle_(handle), room_(cs_malloc(handle)) {
    for (const Names& names : kNames)
      for (std::size_t i = 0; i < names.sizes.size(); ++i)
        registers_[names.sizes[i]] = {names.reg, static_cast<std::uint8_t>(64 >> i)};
    for (unsigned i = 0; i < kVectors; ++i)
      registers_[X86_REG_XMM0 + i] = {static_cast<std::uint8_t>(kFirstVector + i), kVectorBits};
  }
  X64Decoder(const X64Decoder&) = delete;
  X64Decoder& operator=(const X64Decoder&) = delete;
  ~X64Decoder() override {
    cs_free(room_, 1);
    cs_close(&handle_);
  }

  void expect(std::span<const std::span<const std::byte>>) override {
    if (seen_.size() > kSeenAtMost) seen_.clear();
  }

  const std::vector<Decoded>* decode(std::span<const std::byte> code) override {
    const std::string_view key(reinterpret_cast<const char*>(code.data()), code.size());
    if (const auto found = seen_.find(std::string(key)); found != seen_.end()) return &found->second;
    std::vector<Decoded> insns;
    const auto* next = reinterpret_cast<const std::uint8_t*>(code.data());
    std::size_t left = code.size();
    std::uint64_t address = 0;
    while (left != 0) {
      if (!cs_disasm_iter(handle_, &next, &left, &address, room_)) return nullptr;
      insns.push_back(translate(*room_));
    }
    return &seen_.emplace(key, std::move(insns)).first->second;
  }

 private:
  static constexpr std::size_t kSeenAtMost = 200'000;
  struct Named {
    std::uint8_t reg = kNoRegister;
    std::uint8_t bits = 0;
  };

  [[nodiscard]] Decoded translate(const cs_insn& insn) const {
    const cs_x86& detail = insn.detail->x86;
    Decoded decoded{static_cast<std::uint32_t>(insn.address), insn.size, insn.mnemonic, {}, 0, std::nullopt};
    for (unsigned i = 0; i < detail.op_count && i < decoded.operands.size(); ++i)
      decoded.operands[decoded.count++] = operand(detail.operands[i]);
    const bool goes = cs_insn_group(handle_, &insn, CS_GRP_JUMP) || cs_insn_group(handle_, &insn, CS_GRP_CALL);
    if (goes && decoded.count == 1 && decoded.operands[0].kind == Operand::Kind::imm)
      decoded.leads_to = decoded.operands[0].imm;
    return decoded;
  }

  [[nodiscard]] Named named(unsigned reg) const {
    const auto found = registers_.find(reg);
    return found == registers_.end() ? Named{} : found->second;
  }

  [[nodiscard]] Operand operand(const cs_x86_op& from) const {
    Operand to;
    to.bytes = from.size;
    if (from.type == X86_OP_REG) {
      const Named name = named(from.reg);
      to.kind = name.reg == kNoRegister ? Operand::Kind::other : Operand::Kind::reg;
      to.reg = name.reg;
      to.bits = name.bits;
    } else if (from.type == X86_OP_IMM) {
      to.kind = Operand::Kind::imm;
      to.imm = from.imm;
    } else if (from.type == X86_OP_MEM) {
      to.kind = from.mem.segment == X86_REG_INVALID ? Operand::Kind::mem : Operand::Kind::other;
      to.base = named(from.mem.base).reg;
      to.index = named(from.mem.index).reg;
      for (int scale = from.mem.scale; scale > 1; scale /= 2) ++to.shift;
      to.imm = from.mem.disp;
    }
    return to;
  }

  csh handle_;
  cs_insn* room_;
  std::unordered_map<unsigned, Named> registers_;
  std::unordered_map<std::string, std::vector<Decoded>> seen_;
};

}  // namespace

std::unique_ptr<Decoder> make_decoder(std::string& why) {
  csh handle = 0;
  if (cs_open(CS_ARCH_X86, CS_MODE_64, &handle) != CS_ERR_OK) {
    why = "libcapstone has no x86-64";
    return nullptr;
  }
  cs_option(handle, CS_OPT_DETAIL, CS_OPT_ON);
  return std::make_unique<X64Decoder>(handle);
}

}  // namespace skep::encoding
