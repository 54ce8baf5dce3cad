// Values are noted with what they read from machine registers; a register that is overwritten has its readers computed
// first. A noted value reads only registers that are their own at that time, or the one it is for: so readers never
// wait for each other in a circle.
#include "jit/tune.hpp"

#include <algorithm>

namespace skep::jit {

using isa::Operands;
using isa::Operation;
using lower::Code;
using lower::Op;
using lower::Shape;
using Kind = Value::Kind;

namespace {

constexpr bool is_immediate(std::uint64_t value, unsigned width) noexcept { return width == 32 || !is_wide(value); }

constexpr Shape arithmetic_shape(Operation operation, Operands operands, unsigned width) noexcept {
  Shape shape{operation, operands};
  shape.width = static_cast<std::uint8_t>(width);
  return shape;
}

}  // namespace

void Tuner::emit() {
  constexpr unsigned kAlignment = 31;
  constexpr unsigned kQuickLoop = 400;
  const MostBytes& most_bytes = out_.most_bytes();
  std::uint32_t bytes = 0;
  for (const std::uint32_t b : flow_.order) {
    const Block& block = flow_.blocks[b];
    bytes += block.is_loop_head ? kAlignment : 0;
    bytes_before_.push_back(bytes);
    bytes += block.taken == b || block.next == b ? kQuickLoop : 0;  // what is done ahead comes behind the label
    for (std::uint32_t i = block.first; i < block.end; ++i)
      bytes += most_bytes[static_cast<std::size_t>(out_.plan_.code[i].code)];
  }
  for (const Hoisted& hoisted : flow_.hoisted) {
    const Op op = op_of(hoisted.reg, 0, hoisted.number);
    out_.constant(At{op, lower::shape_of(Code::constant), flow_.blocks.front().first});
  }
  for (const unsigned reg : members(static_cast<RegSet>(out_.function().slots & flow_.blocks.front().live_in))) {
    const Op op = op_of(reg, 0, 0);
    out_.constant(At{op, lower::shape_of(Code::constant), flow_.blocks.front().first});
  }
  for (std::uint32_t place = 0; place < flow_.order.size(); ++place)
    if (flow_.order[place] != skipped_) emit_block(place);
}

void Tuner::emit_block(std::uint32_t place) {
  const std::uint32_t b = flow_.order[place];
  const Block& block = flow_.blocks[b];
  const auto quick = quick_loop(out_.plan_.code, flow_, b);
  if (block.is_loop_head && !quick) out_.align_loop();
  out_.mark(MachineCode::Role::insn, block.first);
  if (carried_ != b) {
    out_.bind(out_.label_at(block.first));
    drop_all();
    short_ = 0;
  }
  carried_ = kNoBlock;
  itself_ = {};
  behind_ = kNoBlock;
  if (quick) {
    if (quick->may_finish) behind_ = block.taken == b ? block.next : block.taken;
    out_.hasten(*quick, quick->may_finish ? out_.label_at(flow_.blocks[behind_].first) : asmjit::Label());
    out_.align_loop();
    itself_ = out_.new_label();
    out_.bind(itself_);
  }
  live_after(out_.plan_.ops, block, live_after_);
  block_first_ = block.first;
  std::uint32_t i = block.first;
  while (i + 1 < block.end) {
    const Traits set = traits_of(out_.plan_.code[i]);
    std::uint32_t row = 0;
    if ((set & traits::stores) != 0) row = store_row(i, block.end);
    if ((set & traits::loads_byte) != 0) row = load_bytes(i, block.end);
    if (row == 0) emit_op(i, live_after_[i - block.first]);
    i += std::max(row, 1u);
  }
  end_block(place, i == block.end);
}

void Tuner::emit_op(std::uint32_t index, RegSet live) {
  const At at = out_.at(index);
  const Effects effects = out_.plan_.ops[index].effects;
  live_ = live;
  needed_ = live_ | effects.reads;
  if ((traits_of(at.op) & traits::is_pure) != 0 && (effects.writes & live_) == 0) return;
  out_.mark(MachineCode::Role::insn, index);
  const bool is_free = at.shape.check == lower::Check::free;
  switch (at.shape.operands) {
    case Operands::dst_imm:
    case Operands::dst_src:
      return arithmetic(at);
    case Operands::load:
      return is_free && at.shape.operation != Operation::load_acquire_ ? load(at) : plainly(at);
    case Operands::store_imm:
    case Operands::store_src:
      return is_free && at.shape.operation != Operation::store_release_ ? store(at) : plainly(at);
    default:
      break;
  }
  if (at.op.code == Code::lookup_array || at.op.code == Code::call_direct) {
    const auto& call = *reinterpret_cast<const lower::KnownCall*>(at.op.imm);
    if (at.op.code == Code::lookup_array || call.stored_bytes != 0) return array(at, call);
  }
  if (at.op.code != Code::constant) return plainly(at);
  const auto number = static_cast<std::uint64_t>(at.op.imm);
  const auto hoisted = std::find_if(flow_.hoisted.begin(), flow_.hoisted.end(),
                                    [&](const Hoisted& held) { return held.number == number; });
  note(at.op.dst, hoisted != flow_.hoisted.end() ? copy_of(hoisted->reg) : Value{Kind::constant, 64, {}, number});
}

// ---------------------------------------------------------------------------------------------------- registers

bool Tuner::lasts(const Value& value, RegSet except) const noexcept { return (value.uses() & ~except & waiting_) == 0; }

/// Later code may compute it: it must read what stays.
void Tuner::note(unsigned reg, Value value) {
  if (value.kind == Kind::sum && value.width == 32 && value.sum.is_register() && is_short(value.sum.base))
    value.width = 64;
  if (value.kind == Kind::sum && value.sum.base == kNoRegister && value.sum.index == kNoRegister)
    value = {Kind::constant, 64, {}, cut(static_cast<std::uint64_t>(std::int64_t{value.sum.off}), value.width)};
  const bool is_itself =
      value.kind == Kind::sum && value.width == 64 && value.sum.is_register() && value.sum.base == reg;
  if (is_itself)
    drop(reg);
  else
    keep(reg, value);
}

void Tuner::keep(unsigned reg, const Value& value) {
  values_[reg] = value;
  waiting_ |= bit_of(reg);
  readers_[value.sum.base & kReaderBits] |= bit_of(reg);
  readers_[value.sum.index & kReaderBits] |= bit_of(reg);
}

void Tuner::free(unsigned reg, RegSet but) {
  but |= bit_of(reg);
  for (const unsigned other : members(static_cast<RegSet>(readers_[reg] & waiting_ & needed_ & ~but)))
    if ((values_[other].uses() & bit_of(reg)) != 0) compute(other);
}

void Tuner::written(unsigned reg, bool is_short) {
  drop(reg);
  short_ = static_cast<RegSet>(is_short ? short_ | bit_of(reg) : short_ & ~bit_of(reg));
}

void Tuner::drop(unsigned reg) {
  values_[reg] = {};
  waiting_ &= static_cast<RegSet>(~bit_of(reg));
}

void Tuner::drop_all() {
  for (const unsigned reg : members(waiting_)) drop(reg);
  readers_ = {};
}

void Tuner::compute_all(RegSet regs) {
  for (const unsigned reg : members(static_cast<RegSet>(regs & waiting_))) compute(reg);
}

/// Who waits for the same value, but for constants.
RegSet Tuner::twins_of(unsigned reg) const {
  RegSet twins = 0;
  const Value& value = values_[reg];
  if (value.kind == Kind::constant) return twins;
  const RegSet readers = readers_[value.sum.base & kReaderBits];
  for (const unsigned other : members(static_cast<RegSet>(readers & waiting_ & ~bit_of(reg))))
    if (values_[other] == value) twins |= bit_of(other);
  return twins;
}

/// Makes the machine register of `reg` hold what `reg` holds.
void Tuner::compute_waiting(unsigned reg) {
  // Twins copy it, or are never asked.
  const RegSet twins = twins_of(reg);
  const RegSet needed = needed_;
  needed_ &= static_cast<RegSet>(~twins);
  free(reg);
  needed_ = needed;
  const Value value = values_[reg];
  emit_value(reg, value);
  const bool is_short = value.width == 32 || (value.kind == Kind::constant && value.number <= UINT32_MAX) ||
                        (value.kind == Kind::mask && value.number <= INT32_MAX);
  written(reg, is_short);
  for (const unsigned twin : members(twins)) keep(twin, copy_of(reg));
}

void Tuner::emit_value(unsigned reg, const Value& value) {
  const unsigned source = value.sum.base;
  const auto step = [&](Operation operation) {
    const Op op = op_of(reg, 0, signed_immediate(value.number, value.width));
    const Shape shape = arithmetic_shape(operation, Operands::dst_imm, value.width);
    if (source == reg)
      out_.alu_imm(At{op, shape, flow_.blocks.front().first});
    else
      out_.alu_from(At{op, shape, flow_.blocks.front().first}, source);
  };
  switch (value.kind) {
    case Kind::own:
      return;
    case Kind::constant:
      out_.constant(At{op_of(reg, 0, value.number), lower::shape_of(Code::constant), flow_.blocks.front().first});
      return;
    case Kind::sum:
      out_.form_sum(reg, value.sum, value.width);
      return;
    case Kind::left:
      return step(Operation::lsh_);
    case Kind::right:
      return step(Operation::rsh_);
    case Kind::mask:
      return step(Operation::and_);
    case Kind::sign: {
      Shape shape = arithmetic_shape(Operation::movsx_, Operands::dst_src, 64);
      shape.fixed = static_cast<std::uint8_t>(value.number);
      out_.alu_reg(At{op_of(reg, source, 0), shape, flow_.blocks.front().first});
      return;
    }
    case Kind::rotate:
      out_.rotate(reg, source, static_cast<unsigned>(value.number), value.width);
      return;
  }
}

unsigned Tuner::find_register(unsigned reg, unsigned width) {
  const Value& held = values_[reg];
  if (held.kind == Kind::sum && held.sum.is_register() && width <= held.width) return held.sum.base;
  if (held.kind == Kind::mask && width <= 32 && cut(held.number, width) == cut(~std::uint64_t{0}, width))
    return held.sum.base;
  compute_waiting(reg);
  return reg;
}

unsigned Tuner::in_lasting_register(unsigned reg, unsigned width) {
  const unsigned found = in_register(reg, width);
  if (found == reg || is_own(found)) return found;
  compute(reg);
  return reg;
}

std::optional<std::uint64_t> Tuner::constant_in(unsigned reg, unsigned width) const {
  const Value& held = values_[reg];
  if (held.kind != Kind::constant || !is_immediate(held.number, width)) return std::nullopt;
  return signed_immediate(held.number, width);
}

Sum Tuner::address_of(unsigned reg, std::int32_t off) {
  const Sum displacement{kNoRegister, kNoRegister, 0, off};
  const Value& held = values_[reg];
  if (held.kind == Kind::sum && held.width == 64)
    if (const auto sum = add(held.sum, displacement)) return *sum;
  Sum sum = displacement;
  sum.base = static_cast<std::uint8_t>(in_register(reg));
  return sum;
}

Sum Tuner::lasting_sum(unsigned reg, unsigned width, unsigned dst) {
  const Value& held = values_[reg];
  const bool fits = held.width >= width;
  if (held.kind == Kind::constant && is_immediate(held.number, width))
    return {kNoRegister, kNoRegister, 0, static_cast<std::int32_t>(held.number)};
  if (fits && held.kind == Kind::sum && lasts(held, bit_of(dst))) return held.sum;
  if (fits && held.kind == Kind::left && held.number <= 3 && lasts(held, bit_of(dst)))
    return {kNoRegister, held.sum.base, static_cast<std::uint8_t>(held.number), 0};
  compute(reg);
  return copy_of(reg).sum;
}

// ---------------------------------------------------------------------------------------------------- arithmetic

void Tuner::arithmetic(const At& at) {
  const unsigned width = at.shape.width;
  const bool by_register = at.shape.operands == Operands::dst_src;
  std::optional<std::uint64_t> operand;
  if (!by_register)
    operand = static_cast<std::uint64_t>(std::int64_t{static_cast<std::int32_t>(at.op.imm)});
  else if (at.shape.operation != Operation::movsx_)
    operand = constant_in(at.op.src, width);
  if (at.shape.operation == Operation::mov_) {
    if (operand) return note(at.op.dst, {Kind::constant, 64, {}, cut(*operand, width)});
    const Value source = values_[at.op.src];
    if (source.kind == Kind::constant) return note(at.op.dst, {Kind::constant, 64, {}, cut(source.number, width)});
    // What is put off may be put off twice, but for what no sum says. Of two that wait for the same sum, even if it is
    // made of them, the second copies what is computed for the first.
    Value value = source;
    value.width = static_cast<std::uint8_t>(std::min<unsigned>(width, source.width));
    const RegSet made_of = value == source ? bit_of(at.op.src) : 0;
    if (source.kind == Kind::sum && lasts(value, made_of | bit_of(at.op.dst))) return note(at.op.dst, value);
    return note(at.op.dst, copy_of(in_lasting_register(at.op.src, width), static_cast<std::uint8_t>(width)));
  }
  if (note_sum(at, operand) || (operand && note_bits(at, *operand)) || note_rotation(at)) return;
  operate(at, operand);
}

/// Additions, and subtractions of constants.
bool Tuner::note_sum(const At& at, std::optional<std::uint64_t> operand) {
  const bool adds = at.shape.operation == Operation::add_;
  if (!adds && !(at.shape.operation == Operation::sub_ && operand)) return false;
  const unsigned width = at.shape.width;
  const unsigned dst = at.op.dst;
  if (operand) {
    const auto off = static_cast<std::int64_t>(*operand);
    const std::int64_t change = adds ? off : -off;
    if (change != static_cast<std::int32_t>(change)) return false;
    const Sum off_alone{kNoRegister, kNoRegister, 0, static_cast<std::int32_t>(change)};
    auto sum = add(lasting_sum(dst, width, dst), off_alone);
    if (!sum) {
      compute(dst);
      sum = add(copy_of(dst).sum, off_alone);
    }
    note(dst, {Kind::sum, static_cast<std::uint8_t>(width), *sum, 0});
    return true;
  }
  const unsigned src = at.op.src;
  if (note_scaled(at)) return true;
  // Each round computes one of the two: in the end both are registers. Computing one may have computed the other.
  for (;;) {
    lasting_sum(src, width, dst);
    const Sum first = lasting_sum(dst, width, dst);
    const Sum second = lasting_sum(src, width, dst);
    if (const auto sum = add(first, second)) {
      note(dst, {Kind::sum, static_cast<std::uint8_t>(width), *sum, 0});
      return true;
    }
    compute(is_own(src) ? dst : src);
  }
}

/// dst + (src << scale), where src was shifted in its place and nobody asks for it any longer: its machine register
/// keeps what was shifted, and is what an address scales.
bool Tuner::note_scaled(const At& at) {
  const unsigned dst = at.op.dst, src = at.op.src;
  const Value held = values_[src];
  constexpr std::uint64_t kMostScale = 3;
  if (held.kind != Kind::left || held.sum.base != src || held.number > kMostScale || held.width < at.shape.width ||
      dst == src || (live_ & bit_of(src)) != 0)
    return false;
  const Sum scaled{kNoRegister, static_cast<std::uint8_t>(src), static_cast<std::uint8_t>(held.number), 0};
  // Where both wait for the same, computing dst has src wait for a copy of it; its machine register is left alone.
  const auto sum = add(lasting_sum(dst, at.shape.width, dst), scaled);
  if (!sum) return false;
  drop(src);
  note(dst, {Kind::sum, at.shape.width, *sum, 0});
  return true;
}

/// A shift to the left and back: what is left of the register, zero-extended or sign-extended.
bool Tuner::note_extension(const At& at, std::uint64_t operand) {
  Value value = values_[at.op.dst];
  const bool is_signed = at.shape.operation == Operation::arsh_;
  if ((!is_signed && at.shape.operation != Operation::rsh_) || value.kind != Kind::left) return false;
  if (at.shape.width != 64 || value.width != 64 || value.number != operand) return false;
  const std::uint64_t bits = 64 - operand;
  if (bits != 8 && bits != 16 && bits != 32) return false;
  if (!is_signed && bits == 32) {
    note(at.op.dst, copy_of(value.sum.base, 32));
    return true;
  }
  value.kind = is_signed ? Kind::sign : Kind::mask;
  value.number = is_signed ? bits : cut(~std::uint64_t{0}, static_cast<unsigned>(bits));
  keep(at.op.dst, value);
  return true;
}

/// Shifts and masks by a constant.
bool Tuner::note_bits(const At& at, std::uint64_t operand) {
  if (note_extension(at, operand)) return true;
  const unsigned width = at.shape.width;
  Value value;
  switch (at.shape.operation) {
    case Operation::lsh_:
    case Operation::rsh_:
      value.kind = at.shape.operation == Operation::lsh_ ? Kind::left : Kind::right;
      value.number = operand & (width - 1);
      break;
    case Operation::and_:
      value.kind = Kind::mask;
      value.number = cut(operand, width);
      break;
    default:
      return false;
  }
  const unsigned dst = at.op.dst;
  unsigned source = in_register(dst, width);
  if (source != dst && !is_own(source)) {
    compute(dst);
    source = dst;
  }
  value.width = static_cast<std::uint8_t>(width);
  value.sum.base = static_cast<std::uint8_t>(source);
  keep(dst, value);
  return true;
}

/// (x << k) | (x >> (width - k)), in either order, and with + or ^ as well.
bool Tuner::note_rotation(const At& at) {
  const Operation operation = at.shape.operation;
  if (at.shape.operands != Operands::dst_src || at.op.dst == at.op.src) return false;
  if (operation != Operation::or_ && operation != Operation::add_ && operation != Operation::xor_) return false;
  const Value& a = values_[at.op.dst];
  const Value& b = values_[at.op.src];
  const unsigned width = at.shape.width;
  const bool opposite =
      (a.kind == Kind::left && b.kind == Kind::right) || (a.kind == Kind::right && b.kind == Kind::left);
  if (!opposite || a.sum.base != b.sum.base || a.width != width || b.width != width || a.number + b.number != width)
    return false;
  if (!lasts(b, bit_of(at.op.dst))) return false;
  Value value = a.kind == Kind::left ? a : b;
  value.kind = Kind::rotate;
  keep(at.op.dst, value);
  return true;
}

/// Code for what is not put off.
void Tuner::operate(const At& at, std::optional<std::uint64_t> operand) {
  const unsigned width = at.shape.width;
  const unsigned dst = at.op.dst;
  const bool keeps_first = at.shape.operation != Operation::movsx_;
  Op op = at.op;
  Shape shape = at.shape;
  unsigned from = dst;
  const auto resolve = [&] {
    if (operand) {
      shape.operands = Operands::dst_imm;
      op.imm = static_cast<std::int64_t>(*operand);
    } else {
      op.src = static_cast<std::uint8_t>(in_register(at.op.src, keeps_first ? width : shape.fixed));
    }
    if (keeps_first) from = in_register(dst, width);
  };
  // Computing one may compute the other, and may leave a third waiting for dst.
  const RegSet waiting = waiting_;
  resolve();
  free(dst);
  if (waiting_ != waiting) resolve();
  const At computed{op, shape, at.index};
  if (from != dst)
    out_.alu_from(computed, from);
  else if (operand)
    out_.alu_imm(computed);
  else
    out_.alu_reg(computed);
  written(dst, width == 32);
}

}  // namespace skep::jit
