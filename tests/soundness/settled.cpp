// Memory is the run's: as long as all stores are the same, so is what loads find.
#include "soundness/settled.hpp"

#include <fmt/format.h>

#include "soundness/arithmetic.hpp"

namespace skep::soundness {
namespace {

using isa::FormInfo;
using isa::Operands;
using isa::Operation;
using lower::Becomes;
using lower::Settled;

constexpr unsigned kCallerSaved = 6;

std::uint64_t wide(std::int64_t value) { return static_cast<std::uint64_t>(value); }
std::uint64_t noise(std::uint32_t pc) { return (pc + 1) * 0x9e37'79b9'7f4a'7c15u; }

class Shadow {
 public:
  Shadow(const Trace& trace, const lower::SettledProgram& settled, const Surroundings& around)
      : trace_(trace), settled_(settled), around_(around) {}

  std::string run() {
    const auto& moments = trace_.moments;
    if (moments.empty()) return {};
    frames_.push_back(moments.front().registers[0]);
    for (std::size_t i = 0; i < moments.size(); ++i) {
      const bool last = i + 1 == moments.size();
      if (last && trace_.ending != Ending::finished) break;
      go(moments[i], last ? nullptr : &moments[i + 1]);
      if (!wrong_.empty()) return fmt::format("step {}, insn {}: {}", i, moments[i].pc, wrong_);
    }
    return {};
  }

 private:
  [[nodiscard]] static const FormInfo& form(const Insn& insn) {
    return isa::info(static_cast<isa::Form>(isa::find_form(insn)));
  }
  [[nodiscard]] Registers& shadow() { return frames_.back(); }

  void expect(std::uint64_t settled, std::uint64_t run, const char* what) {
    if (settled != run && wrong_.empty()) wrong_ = fmt::format("settled, {} is {:#x}, run, {:#x}", what, settled, run);
  }

  void go(const Moment& now, const Moment* next) {
    const Settled& settled = settled_.at[now.pc];
    const Insn& before = around_.program.insns[now.pc];
    const Insn& insn = settled_.insns[now.pc];
    const FormInfo& info = form(insn);
    const Registers& run = now.registers[now.depth - 1];
    if (!settled.reached) wrong_ = "said to be dead";
    if (info.operands == Operands::compare_imm || info.operands == Operands::compare_src)
      return branch(settled, insn, info, now.pc, *next);
    const bool calls = info.operands == Operands::call_imm;
    const unsigned dst = calls ? 0 : insn.dst;
    if (settled.becomes == Becomes::as_before) return;
    if (settled.becomes == Becomes::unread) {
      shadow()[dst] = noise(now.pc);
      return;
    }
    if (settled.becomes == Becomes::number) {
      expect(settled.number, next->registers[now.depth - 1][dst], "the result");
      shadow()[dst] = settled.number;
    } else {
      move(before, insn, info, run, now, next);
    }
    if (settled.low_only) shadow()[dst] = cut(shadow()[dst], 32) | noise(now.pc) << 32;
  }

  void branch(const Settled& settled, const Insn& insn, const FormInfo& info, std::uint32_t pc, const Moment& next) {
    const std::int64_t target = isa::jump_target(insn, info, pc);
    if (target == pc + 1) return;
    const Registers& r = shadow();
    const std::uint64_t right = info.operands == Operands::compare_src ? r[insn.src] : wide(insn.imm);
    bool taken = jumps(info.operation, info.width(), r[insn.dst], right);
    if (!settled.falls_through) taken = true;
    if (!settled.jumps) taken = false;
    expect(taken ? static_cast<std::uint64_t>(target) : pc + 1, next.pc, "the next instruction");
  }

  void move(const Insn& before, const Insn& insn, const FormInfo& info, const Registers& run, const Moment& now,
            const Moment* next) {
    Registers& r = shadow();
    switch (info.operands) {
      case Operands::dst:
      case Operands::dst_imm:
      case Operands::dst_src:
        return compute_result(insn, info);
      case Operands::load:
        expect(r[insn.src] + wide(insn.off), run[before.src] + wide(before.off), "the address");
        r[insn.dst] = next->registers[now.depth - 1][insn.dst];
        return;
      case Operands::store_imm:
      case Operands::store_src:
        return check_store(before, insn, info, run);
      case Operands::lddw:
        r[insn.dst] = next->registers[now.depth - 1][insn.dst];
        return;
      case Operands::atomic:
      case Operands::packet_abs:
      case Operands::packet_ind:
      case Operands::call_imm:
      case Operands::call_pc:
      case Operands::none:
        return hand_over(now, next);
      case Operands::dst_src_imm:
      case Operands::jump_off:
      case Operands::jump_imm:
      case Operands::compare_imm:
      case Operands::compare_src:
        return;
    }
  }

  void compute_result(const Insn& insn, const FormInfo& info) {
    Registers& r = shadow();
    const std::uint64_t right = info.operands == Operands::dst_src ? r[insn.src] : wide(insn.imm);
    if (info.operation == Operation::movsx_)
      r[insn.dst] = cut(wide(cut_signed(right, static_cast<unsigned>(insn.off))), info.width());
    else
      r[insn.dst] = compute(info.operation, info.width(), r[insn.dst], right);
  }

  void check_store(const Insn& before, const Insn& insn, const FormInfo& info, const Registers& run) {
    const Registers& r = shadow();
    const auto value = [&](const Insn& of, const Registers& registers) {
      return cut(form(of).operands == Operands::store_src ? registers[of.src] : wide(of.imm), info.width());
    };
    expect(r[insn.dst] + wide(insn.off), run[before.dst] + wide(before.off), "the address");
    expect(value(insn, r), value(before, run), "what is stored");
  }

  /// Whoever looks at these registers sees the same; what comes back, both get.
  void hand_over(const Moment& now, const Moment* next) {
    const Registers& run = now.registers[now.depth - 1];
    RegisterSet seen = now.effects.reads;
    if (now.effects.returns) seen |= 1;
    for (unsigned i = 0; i < run.size(); ++i)
      if (seen >> i & 1) expect(shadow()[i], run[i], fmt::format("r{}", i).c_str());
    if (next == nullptr) return;
    if (next->depth > now.depth) {
      const Registers caller = shadow();
      frames_.push_back(next->registers[next->depth - 1]);
      if (next->called[next->depth - 1].callback) return;
      for (unsigned i = 1; i < kCallerSaved; ++i) shadow()[i] = caller[i];
      return;
    }
    if (next->depth < now.depth) frames_.pop_back();
    const Registers& after = next->registers[next->depth - 1];
    for (unsigned i = 0; i < after.size(); ++i) {
      const bool returns = next->depth < now.depth;
      if (returns ? i < kCallerSaved : (now.effects.writes >> i & 1) != 0) shadow()[i] = after[i];
    }
  }

  const Trace& trace_;
  const lower::SettledProgram& settled_;
  const Surroundings& around_;
  std::vector<Registers> frames_;
  std::string wrong_;
};

}  // namespace

std::string find_unsettled(const Trace& trace, const lower::SettledProgram& settled, const Surroundings& around) {
  return Shadow(trace, settled, around).run();
}

}  // namespace skep::soundness
