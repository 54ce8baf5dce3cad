// Finding `*(u64 *)(r10 - X) = rN; call helper; rN = *(u64 *)(r10 - X)`, pairs nested around one call.
#include "verifier/cfg/fastcall.hpp"

#include <algorithm>

#include "abi/helper.hpp"

namespace skep::verifier {
namespace {

constexpr std::uint8_t kStore64 = 0x7b, kLoad64 = 0x79;
constexpr std::uint32_t kCallerSaved = 0b111111;
constexpr std::uint32_t kMostPairs = 6;
constexpr std::int32_t kRegisterBytes = 8;

bool spills(const Insn& insn) { return insn.opcode == kStore64 && insn.dst == isa::kFramePointer; }
bool fills(const Insn& insn) { return insn.opcode == kLoad64 && insn.src == isa::kFramePointer; }

/// Registers that the helper's prototype leaves alone.
std::uint32_t kept_by(const abi::Helper& helper) {
  const auto last = std::find(helper.args.begin(), helper.args.end(), abi::Arg::none) - helper.args.begin();
  const std::uint32_t result = helper.ret == abi::Ret::nothing ? 0 : 1;
  return kCallerSaved & ~(((1u << last) - 1) << 1 | result);
}

}  // namespace

void Fastcalls::match(const Graph& graph, std::span<const Insn> insns, std::uint32_t call, std::int32_t lowest,
                      Room& room) {
  const isa::FormInfo& info = isa::info(graph.at(call).form);
  if (info.operands != isa::Operands::call_imm || insns[call].src != 0) return;
  const abi::Helper* helper = abi::find_helper(static_cast<std::uint32_t>(insns[call].imm));
  if (helper == nullptr) return;
  std::uint32_t free = kept_by(*helper), pairs = 0;
  std::int32_t off = lowest;
  for (std::uint32_t i = 1; i <= kMostPairs && i <= call && call + i < insns.size(); ++i, off += kRegisterBytes) {
    // A pattern is entered at its first spill only.
    if (graph.at(call - i + 1).jump_target || graph.at(call + i).jump_target) break;
    const Insn& spill = insns[call - i];
    const Insn& fill = insns[call + i];
    const bool fits = spills(spill) && fills(fill) && spill.src == fill.dst && spill.off == off && fill.off == off;
    if (!fits || (free >> spill.src & 1) == 0) break;
    free &= ~(1u << spill.src);
    ++pairs;
    spills_.resize(insns.size());
    spills_[call - i] = spills_[call + i] = true;
  }
  if (pairs == 0) return;
  room.kept = room.kept || (helper->effects & abi::fastcall) == 0;
  room.above = std::max(room.above, static_cast<std::uint32_t>(-off));
}

void Fastcalls::build(const Graph& graph, std::span<const Insn> insns) {
  for (const Function& function : graph.functions()) {
    Room& room = rooms_.emplace_back();
    std::int32_t lowest = 0;
    for (std::uint32_t pc = function.start; pc < function.end; ++pc)
      if (spills(insns[pc])) lowest = std::min<std::int32_t>(lowest, insns[pc].off);
    if (lowest == 0) continue;
    for (std::uint32_t pc = function.start; pc < function.end; ++pc) match(graph, insns, pc, lowest, room);
  }
}

std::vector<std::uint32_t> Fastcalls::depths(const StackUse& use) const {
  std::vector<std::uint32_t> depths(rooms_.size());
  for (std::size_t i = 0; i < depths.size(); ++i) {
    const Room& room = rooms_[i];
    const bool taken_out = use.spilled[i] != 0 && !room.kept && use.bytes[i] <= room.above;
    depths[i] = taken_out ? room.above : std::max(use.bytes[i], use.spilled[i]);
  }
  return depths;
}

}  // namespace skep::verifier
