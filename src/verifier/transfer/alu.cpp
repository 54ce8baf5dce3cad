// Arithmetic: scalars by the domain's operators, pointers by Linux' rules for what may be added to them.
#include <array>
#include <limits>
#include <utility>

#include "verifier/transfer/speculation.hpp"

namespace skep::verifier {
namespace {

using isa::Operands;
using isa::Operation;

/// Offsets of this size and more are refused, so that sums of them cannot wrap (BPF_MAX_VAR_OFF).
constexpr std::int64_t kMaxOffset = std::int64_t{1} << 29;

constexpr std::pair<Operation, Alu> kOperators[] = {
    {Operation::add_, Alu::add},   {Operation::sub_, Alu::sub},   {Operation::mul_, Alu::mul},
    {Operation::div_, Alu::div},   {Operation::sdiv_, Alu::sdiv}, {Operation::mod_, Alu::mod},
    {Operation::smod_, Alu::smod}, {Operation::or_, Alu::or_},    {Operation::and_, Alu::and_},
    {Operation::xor_, Alu::xor_},  {Operation::lsh_, Alu::lsh},   {Operation::rsh_, Alu::rsh},
    {Operation::arsh_, Alu::arsh},
};

/// kOperators by operation.
constexpr auto kOperatorOf = [] {
  std::array<std::optional<Alu>, 256> table{};
  for (const auto& [from, to] : kOperators) table[static_cast<std::uint8_t>(from)] = to;
  return table;
}();

/// The operator of an instruction with two operands.
std::optional<Alu> operator_of(Operation operation) { return kOperatorOf[static_cast<std::uint8_t>(operation)]; }

bool is_division(Alu op) { return op == Alu::div || op == Alu::sdiv || op == Alu::mod || op == Alu::smod; }
bool is_shift(Alu op) { return op == Alu::lsh || op == Alu::rsh || op == Alu::arsh; }

/// Scalars with one id are known to be equal; a copy of a variable makes such a pair.
void link_before_copy(Walk& walk, unsigned number) {
  if (!walk.state.reg(number).is_scalar()) return;
  if (walk.state.reg(number).has(reg_flag::plus_const)) walk.state.change_reg(number).unlink();
  const Register& kept = walk.state.reg(number);
  if (!kept.is_fixed() && kept.id == 0) walk.state.change_reg(number).id = walk.new_id();
}

Objection transfer_move(Walk& walk, const Step& step) {
  const Insn& insn = step.insn;
  if (step.info.operands == Operands::dst_imm) {
    const auto value = static_cast<std::int64_t>(insn.imm);
    walk.state.change_reg(insn.dst) =
        Register::constant(step.is32() ? static_cast<std::uint32_t>(value) : static_cast<std::uint64_t>(value));
    return {};
  }
  if (auto bad = walk.check_readable(step, insn.src)) return bad;
  const bool extends_sign = step.info.operation == Operation::movsx_;
  const unsigned bits = extends_sign ? static_cast<unsigned>(insn.off) : step.is32() ? 32 : 64;
  const Register& source = walk.state.reg(insn.src);
  if (source.is_pointer() && bits < 64) {
    if (walk.hides(source)) return step.finds(Code::pointer_partial_copy, {insn.src});
    Register reg = Register::unknown();
    if (extends_sign) reg.set_num(sign_extend(reg.num(), bits));
    if (step.is32()) reg.set_num(zero_extend(reg.num(), 32));
    walk.state.change_reg(insn.dst) = reg;
    return {};
  }
  if (source.is_pointer()) {
    const Register copy = source;
    walk.state.change_reg(insn.dst) = copy;
    return {};
  }
  const bool unchanged = extends_sign ? source.num().umax < (std::uint64_t{1} << (bits - 1))
                                      : bits == 64 || source.num().umax <= std::numeric_limits<std::uint32_t>::max();
  if (unchanged) link_before_copy(walk, insn.src);
  Register copy = walk.state.reg(insn.src);
  if (extends_sign)
    copy.set_num(step.is32() ? sign_extend_half(copy.num(), bits) : sign_extend(copy.num(), bits));
  else if (step.is32())
    copy.set_num(zero_extend(copy.num(), 32));
  if (!unchanged) copy.unlink();
  walk.state.change_reg(insn.dst) = copy;
  return {};
}

/// Negation and byte order: the operand is the destination.
Objection transfer_unary(Walk& walk, const Step& step) {
  const Insn& insn = step.insn;
  if (auto bad = walk.check_readable(step, insn.dst)) return bad;
  if (walk.hides(walk.state.reg(insn.dst))) return step.finds(Code::pointer_arithmetic_prohibited, {insn.dst});
  if (auto bad = walk.check_writable(step, insn.dst)) return bad;
  Register& reg = walk.state.change_reg(insn.dst);
  const bool was_scalar = reg.is_scalar();
  if (!was_scalar) reg = Register::unknown();
  reg.unlink();
  const auto zero = Scalar::constant(0);
  if (step.info.operation == Operation::neg_) {
    reg.set_num(step.is32() ? alu_half(Alu::sub, zero, reg.num()) : alu(Alu::sub, zero, reg.num()));
    return {};
  }
  if (!was_scalar) return {};  // of a pointer Linux knows nothing, not even what is cut off
  const auto bits = static_cast<unsigned>(insn.imm);
  // This machine is little-endian: to little-endian only cuts.
  reg.set_num(step.info.operation == Operation::le_ ? zero_extend(reg.num(), bits) : byte_swap(reg.num(), bits));
  return {};
}

Objection check_offset(const Step& step, const Register& reg, const Scalar& num, std::int64_t off) {
  if (num.is_constant()) {
    const auto value = static_cast<std::int64_t>(num.value());
    if (value >= kMaxOffset || value <= -kMaxOffset)
      return step.finds(Code::pointer_offset_too_large, {step.insn.dst, value}, name_of(reg.kind));
  }
  if (off >= kMaxOffset || off <= -kMaxOffset)
    return step.finds(Code::pointer_offset_too_large, {step.insn.dst, off}, name_of(reg.kind));
  if (num.smin == std::numeric_limits<std::int64_t>::min())
    return step.finds(Code::pointer_offset_unbounded, {step.insn.dst}, name_of(reg.kind));
  if (num.smin >= kMaxOffset || num.smin <= -kMaxOffset)
    return step.finds(Code::pointer_offset_too_large, {step.insn.dst, num.smin}, name_of(reg.kind));
  return {};
}

/// Kinds to which numbers may be added.
bool takes_offset(RegKind kind, bool known, bool adds_nothing) {
  switch (kind) {
    case RegKind::ctx:
    case RegKind::stack:
    case RegKind::map_value:
    case RegKind::map_key:
    case RegKind::packet:
    case RegKind::packet_meta:
    case RegKind::memory:
    case RegKind::buffer:
    case RegKind::tp_buffer:
    case RegKind::btf_object:
    case RegKind::function:
      return true;
    case RegKind::flow_keys:
      return known;
    case RegKind::map:
      return adds_nothing;
    case RegKind::uninit:
    case RegKind::scalar:
    case RegKind::packet_end:
    case RegKind::sock:
    case RegKind::sock_common:
    case RegKind::tcp_sock:
    case RegKind::xdp_sock:
      return false;
  }
  return false;
}

/// dst = pointer op number. `pointer` and `number` are copies: dst may be either.
Objection move_pointer(Walk& walk, const Step& step, Alu op, const Register& pointer, const Register& number,
                       bool pointer_is_dst) {
  const unsigned dst = step.insn.dst;
  const Scalar& by = number.num();
  const bool known = by.is_constant();
  if (step.is32()) {
    if (op != Alu::sub || !walk.may_leak())
      return step.finds(Code::pointer_arithmetic_32, {dst}, name_of(pointer.kind));
    walk.state.change_reg(dst) = Register::scalar(zero_extend(Scalar::unknown(), 32));
    return {};
  }
  if (pointer.has(reg_flag::maybe_null))
    return step.finds(Code::pointer_arithmetic_or_null, {dst}, name_of(pointer.kind));
  const bool adds_nothing = known && by.smin == 0 && op == Alu::add;
  if (!takes_offset(pointer.kind, known, adds_nothing))
    return step.finds(Code::pointer_arithmetic_prohibited, {dst}, name_of(pointer.kind));
  if (op != Alu::add && op != Alu::sub) return step.finds(Code::pointer_arithmetic_operator, {dst}, step.info.mnemonic);
  // Of a number that is another plus a constant, Linux takes that constant for an offset.
  if (auto bad = check_offset(step, pointer, by, number.has(reg_flag::plus_const) ? number.off : 0)) return bad;
  MaskedMove masked(walk, step, op, pointer, number, pointer_is_dst);
  if (auto bad = masked.begin()) return bad;
  if (op == Alu::sub && pointer.kind == RegKind::stack) return step.finds(Code::stack_pointer_subtraction, {dst});

  Register result = pointer;
  const std::int64_t moved = pointer.off + (op == Alu::add ? by.smin : -by.smin);
  constexpr std::uint16_t kPacketEnd = reg_flag::at_packet_end | reg_flag::beyond_packet_end;
  if (known && moved == static_cast<std::int32_t>(moved)) {
    result.off = static_cast<std::int32_t>(moved);
    // Linux forgets to forget this: a pointer that moves back may be inside the packet again.
    if (pointer.is_packet() && moved < pointer.off) result.flags &= static_cast<std::uint16_t>(~kPacketEnd);
  } else {
    result.set_num(alu(op, pointer.num(), by));
    result.node = walk.values.join(pointer.node, number.node);
    if (pointer.is_packet()) {
      result.id = walk.new_id();
      result.flags &= static_cast<std::uint16_t>(~kPacketEnd);
      if (op == Alu::add || by.smin < 0) result.size = 0;
    }
  }
  if (auto bad = check_offset(step, pointer, result.num(), result.off)) return bad;
  if (auto bad = masked.end(result)) return bad;
  walk.state.change_reg(dst) = result;
  return {};
}

/// Keeps "dst is the others of its id plus a constant" through a sum with one, so that a later comparison of one of
/// them bounds all. In 32 bits that holds as long as the others have no upper half.
void relink(Register& reg, Alu op, const Step& step, const Scalar& before, const Scalar& by, bool allowed) {
  using Offset = std::numeric_limits<std::int32_t>;
  const bool is32 = step.is32();
  const bool same = step.info.operands == Operands::dst_src && step.insn.src == step.insn.dst;
  const bool sums = allowed && (op == Alu::add || op == Alu::sub) && by.is_constant() && !same;
  const auto value = is32 ? static_cast<std::int32_t>(by.value()) : static_cast<std::int64_t>(by.value());
  // Offset::min() has no opposite.
  const bool fits = value > Offset::min() && value <= Offset::max();
  if (!sums || !fits || reg.id == 0 || reg.has(reg_flag::plus_const) ||
      (is32 && before.umax > std::numeric_limits<std::uint32_t>::max()))
    return reg.unlink();
  reg.flags |= reg_flag::plus_const;
  if (is32) reg.flags |= reg_flag::plus_const_32;
  reg.off = static_cast<std::int32_t>(op == Alu::sub ? -value : value);
}

/// A number that is 0 or -1, all bits alike, is what compilers mask constants with: either way is walked.
Objection fork_on_sign(Walk& walk, const Step& step, Alu op, const Register& by, Register& number) {
  const Scalar num = number.num();
  const bool whole = num.smin == -1 && num.smax == 0;
  const bool half = !whole && num.smin_half == -1 && num.smax_half == 0;
  if ((op != Alu::and_ && op != Alu::or_) || !by.is_constant() || (!whole && !half)) return {};
  const auto settled = [&](std::uint64_t value) {
    Register reg = number;
    auto other = Scalar::constant(half ? value & 0xffffffffu : value);
    Scalar value_now = num;
    (void)refine(Cond::eq, true, value_now, other, half);
    reg.set_num(value_now);
    reg.unlink();
    return reg;
  };
  State zero = walk.state;
  zero.change_reg(step.insn.dst) = settled(0);
  zero.pc = step.pc;
  number = settled(~std::uint64_t{0});
  return walk.put_aside(step, std::move(zero));
}

Objection transfer_binary(Walk& walk, const Step& step, Alu op) {
  const Insn& insn = step.insn;
  const bool has_source = step.info.operands == Operands::dst_src;
  if (has_source) {
    if (auto bad = walk.check_readable(step, insn.src)) return bad;
  } else if (is_division(op) && insn.imm == 0) {
    return step.finds(Code::division_by_zero);
  } else if (is_shift(op) && (insn.imm < 0 || insn.imm >= (step.is32() ? 32 : 64))) {
    return step.finds(Code::invalid_shift, {insn.imm, step.is32() ? 32 : 64});
  }
  if (auto bad = walk.check_readable(step, insn.dst)) return bad;
  if (auto bad = walk.check_writable(step, insn.dst)) return bad;

  Register left = walk.state.reg(insn.dst);
  const Register right = has_source
                             ? walk.state.reg(insn.src)
                             : Register::constant(static_cast<std::uint64_t>(static_cast<std::int64_t>(insn.imm)));
  if (left.is_pointer() && right.is_pointer()) {
    if (op != Alu::sub || !walk.may_leak())
      return step.finds(Code::pointer_pointer_arithmetic, {insn.dst, insn.src}, step.info.mnemonic);
    Register result = Register::unknown();
    if (step.is32()) result.set_num(zero_extend(result.num(), 32));
    walk.state.change_reg(insn.dst) = result;
    return {};
  }
  if (left.is_pointer()) {
    walk.need_precise(right);
    return move_pointer(walk, step, op, left, right, true);
  }
  if (right.is_pointer()) {
    walk.need_precise(left);
    if (op == Alu::sub && !step.is32()) return step.finds(Code::scalar_minus_pointer, {insn.dst, insn.src});
    return move_pointer(walk, step, op, right, left, false);
  }
  if (auto bad = note_unmasked(walk, step, op)) return bad;
  if (auto bad = fork_on_sign(walk, step, op, right, left)) return bad;
  Register result = left;
  result.set_num(step.is32() ? alu_half(op, left.num(), right.num()) : alu(op, left.num(), right.num()));
  result.node = walk.values.join(left.node, right.node);
  relink(result, op, step, left.num(), right.num(), walk.input.options.privileges.bpf);
  walk.state.change_reg(insn.dst) = result;
  return {};
}

}  // namespace

Objection transfer_alu(Walk& walk, const Step& step) {
  walk.state.pc = step.pc + 1;
  if (auto op = operator_of(step.info.operation)) return transfer_binary(walk, step, *op);
  if (step.info.operands == Operands::dst) return transfer_unary(walk, step);
  if (step.info.operation == Operation::addr_space_cast_) return step.finds(Code::unsupported_arena);
  if (auto bad = walk.check_writable(step, step.insn.dst)) return bad;
  return transfer_move(walk, step);
}

}  // namespace skep::verifier
