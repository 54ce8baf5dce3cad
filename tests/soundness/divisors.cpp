// Divisions are told from others by the instruction table.
#include "soundness/divisors.hpp"

#include <fmt/format.h>

namespace skep::soundness {
namespace {

bool divides_by_register(const isa::FormInfo& row) {
  using enum isa::Operation;
  return row.operands == isa::Operands::dst_src &&
         (row.operation == div_ || row.operation == mod_ || row.operation == sdiv_ || row.operation == smod_);
}

}  // namespace

std::string find_zero_divisor(const Trace& trace, const program::Program& program, const verifier::Facts& facts) {
  for (std::size_t i = 0; i < trace.moments.size(); ++i) {
    const Moment& now = trace.moments[i];
    const Insn& insn = program.insns[now.pc];
    const isa::FormInfo& row = isa::info(static_cast<isa::Form>(isa::find_form(insn)));
    if (!divides_by_register(row) || facts.at(now.pc).may_divide_by_0) continue;
    const std::uint64_t divisor = now.registers[now.depth - 1][insn.src];
    if (row.width() == 64 ? divisor == 0 : static_cast<std::uint32_t>(divisor) == 0)
      return fmt::format("step {}, insn {}: r{} is 0, which it never was", i, now.pc, unsigned{insn.src});
  }
  return {};
}

}  // namespace skep::soundness
