// Wide constants: numbers, maps, values of maps, functions.
#include "verifier/transfer/transfer.hpp"

namespace skep::verifier {

using isa::Operation;

Objection transfer_constant(Walk& walk, const Step& step) {
  if (auto bad = walk.check_writable(step, step.insn.dst)) return bad;
  walk.state.pc = step.pc + 2;
  const Insn& second = walk.input.program->insns[step.pc + 1];
  const auto index = static_cast<std::uint32_t>(step.insn.imm);
  Register& dst = walk.state.change_reg(step.insn.dst);
  switch (step.info.operation) {
    case Operation::lddw_imm_:
      dst = Register::constant(index | static_cast<std::uint64_t>(static_cast<std::uint32_t>(second.imm)) << 32);
      return {};
    case Operation::lddw_map_: {
      if (index >= walk.input.maps.size()) return step.finds(Code::map_unknown, {index});
      const Register map = Register::pointer(RegKind::map, index);
      const MapSpec& spec = *walk.input.maps[index].spec;
      if (walk.lookup_yields(map) == abi::LookupYields::map && spec.inner == nullptr)
        return step.finds(Code::map_without_template, {index}, spec.name);
      dst = map;
      return {};
    }
    case Operation::lddw_map_value_: {
      if (index >= walk.input.maps.size()) return step.finds(Code::map_unknown, {index});
      const MapSpec& spec = *walk.input.maps[index].spec;
      if (spec.type == MapType::arena) return step.finds(Code::unsupported_arena);
      if (spec.type != MapType::array || spec.max_entries != 1)
        return step.finds(Code::map_value_address, {index}, spec.name);
      if (static_cast<std::uint32_t>(second.imm) >= spec.value_size)
        return step.finds(Code::map_value_offset, {index, second.imm, spec.value_size}, spec.name);
      dst = Register::pointer(RegKind::map_value, index);
      dst.off = second.imm;
      return {};
    }
    case Operation::lddw_func_: {
      const auto target = static_cast<std::uint32_t>(isa::jump_target(step.insn, step.info, step.pc));
      const std::uint32_t function = walk.graph.function_at(target);
      if (walk.prototype(function) != nullptr) return step.finds(Code::callback_global, {function});
      dst = Register::pointer(RegKind::function, function);
      return {};
    }
    default:  // symbols of the kernel, and maps by position in an array that only a loader knows
      return step.finds(Code::unsupported_constant, {}, step.info.mnemonic);
  }
}

}  // namespace skep::verifier
