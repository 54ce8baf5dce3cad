// Each trait from the table's columns, once, when this is compiled.
#include "jit/traits.hpp"

namespace skep::jit {
namespace {

using isa::Operands;
using isa::Operation;
using lower::Check;
using lower::Code;
using lower::Shape;

constexpr bool jumps(const Shape& shape) {
  return shape.operands == Operands::jump_off || shape.operands == Operands::jump_imm ||
         shape.operands == Operands::compare_imm || shape.operands == Operands::compare_src;
}

constexpr bool is_call(Code code, const Shape& shape) {
  return shape.operation == Operation::call_ || (code >= Code::call_checked && code <= Code::trap);
}

constexpr bool is_known_call(Code code) {
  return code == Code::lookup_array || code == Code::lookup_direct || code == Code::call_direct;
}

constexpr bool calls_out(Code code, const Shape& shape) {
  if (isa::accesses_memory(shape.operands)) return shape.check != Check::free;
  if (shape.operands == Operands::call_pc) return false;
  return is_call(code, shape) || shape.operands == Operands::call_imm || shape.operands == Operands::packet_abs ||
         shape.operands == Operands::packet_ind || shape.operation == Operation::may_goto_;
}

constexpr bool is_pure(Code code, const Shape& shape) {
  if (shape.operands == Operands::load)
    return shape.check == Check::free && shape.operation != Operation::load_acquire_;
  if (shape.operands == Operands::dst) return !is_call(code, shape);
  return shape.operands == Operands::dst_imm || shape.operands == Operands::dst_src || code == Code::constant;
}

constexpr Traits make(Code code) {
  const Shape& shape = lower::shape_of(code);
  const bool names_callee = code == Code::call_free || is_known_call(code);
  const bool ends_flow = code == Code::exit || code == Code::trap || shape.operation == Operation::ja_;
  const bool is_checked =
      (isa::accesses_memory(shape.operands) && shape.check == Check::checked) || code == Code::call_lookup_checked;
  Traits set = 0;
  if (jumps(shape)) set |= traits::jumps;
  if (ends_flow) set |= traits::ends_flow;
  if (jumps(shape) || is_call(code, shape) || code == Code::exit) set |= traits::ends_block;
  if (shape.operands == Operands::call_pc) set |= traits::calls_function;
  if (calls_out(code, shape)) set |= traits::calls_out;
  if (calls_out(code, shape) && !names_callee) set |= traits::may_end;
  if (names_callee) set |= traits::names_callee;
  if (is_checked) set |= traits::is_checked;
  if (code == Code::tail_call || code == Code::tail_call_checked) set |= traits::is_tail_call;
  if (shape.operation == Operation::may_goto_) set |= traits::counts_may_goto;
  if (shape.operation == Operation::store_ && shape.check == Check::free) set |= traits::stores;
  if (shape.operation == Operation::load_ && shape.operands == Operands::load && shape.width == 8 &&
      shape.check == Check::free)
    set |= traits::loads_byte;
  if (is_pure(code, shape)) set |= traits::is_pure;
  return set;
}

constexpr std::array<Traits, lower::kCodeCount> make_traits() {
  std::array<Traits, lower::kCodeCount> all{};
  for (std::size_t code = 0; code < all.size(); ++code) all[code] = make(static_cast<Code>(code));
  return all;
}

}  // namespace

constexpr std::array<Traits, lower::kCodeCount> kTraits = make_traits();

}  // namespace skep::jit
