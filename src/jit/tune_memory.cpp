// Loads and stores at sums, rows of constants that are stored side by side, and ops that are emitted as they stand.
#include <algorithm>

#include "jit/tune.hpp"

namespace skep::jit {

using isa::Operands;
using isa::Operation;
using lower::Op;
using lower::Shape;
using Kind = Value::Kind;

void Tuner::load(const At& at) {
  Sum address = address_of(at.op.src, at.op.off);
  // The address may be a sum with dst, which is read before it is written; but it must stay what it is.
  const RegSet waiting = waiting_;
  free(at.op.dst, static_cast<RegSet>(bit_of(at.op.src) & ~live_));
  if (waiting_ != waiting) address = address_of(at.op.src, at.op.off);
  out_.load_at(at, address);
  written(at.op.dst, at.shape.operation == Operation::load_ && at.shape.width <= 32);
}

void Tuner::store(const At& at) {
  Op op = at.op;
  Shape shape = at.shape;
  if (shape.operands == Operands::store_src) {
    if (const auto constant = constant_in(op.src, shape.width == 64 ? 64 : 32)) {
      shape.operands = Operands::store_imm;
      op.imm = static_cast<std::int64_t>(*constant);
    } else {
      in_register(at.op.src, shape.width);
    }
  }
  const Sum address = address_of(at.op.dst, at.op.off);
  if (shape.operands == Operands::store_src) op.src = static_cast<std::uint8_t>(in_register(at.op.src, shape.width));
  out_.store_at(At{op, shape, at.index}, address);
}

/// Constants stored side by side, as compilers spell out clearing a structure byte by byte. How many ops it was.
std::uint32_t Tuner::store_row(std::uint32_t index, std::uint32_t end) {
  constexpr std::int32_t kMost = 1024;
  constexpr std::uint32_t kBytes[] = {8, 4, 2, 1};
  struct Part {
    std::int32_t off;
    std::uint32_t bytes;
    std::uint64_t number;
  };
  const auto part_at = [&](std::uint32_t i) -> std::optional<Part> {
    const At at = out_.at(i);
    if ((traits_of(at.op) & traits::stores) == 0) return std::nullopt;
    const bool by_register = at.shape.operands == Operands::store_src;
    const Value& source = values_[at.op.src];
    if (by_register && source.kind != Kind::constant) return std::nullopt;
    return Part{at.op.off, at.shape.bytes(), by_register ? source.number : static_cast<std::uint64_t>(at.op.imm)};
  };
  if (index + 1 >= end || !part_at(index) || !part_at(index + 1)) return 0;
  const unsigned base = out_.at(index).op.dst;
  std::int32_t low = 0, high = 0;
  std::vector<Part> parts;
  for (std::uint32_t i = index; i < end && out_.at(i).op.dst == base; ++i) {
    const auto part = part_at(i);
    if (!part) break;
    const std::int32_t part_end = part->off + static_cast<std::int32_t>(part->bytes);
    if (parts.empty())
      low = part->off, high = part_end;
    else if (part_end == low && high - part->off <= kMost)
      low = part->off;
    else if (part->off == high && part_end - low <= kMost)
      high = part_end;
    else
      break;
    parts.push_back(*part);
  }
  if (parts.size() < 2) return 0;
  std::vector<std::uint8_t> bytes(static_cast<std::size_t>(high - low));
  for (const Part& part : parts)
    for (std::uint32_t i = 0; i < part.bytes; ++i)
      bytes[static_cast<std::size_t>(part.off - low) + i] = static_cast<std::uint8_t>(part.number >> 8 * i);

  live_ = live_after_[index + parts.size() - 1 - block_first_];
  needed_ = live_ | bit_of(base);
  out_.mark(MachineCode::Role::insn, index);
  for (std::size_t at = 0; at < bytes.size();) {
    const Sum address = address_of(base, low + static_cast<std::int32_t>(at));
    const auto rest = static_cast<std::uint32_t>(bytes.size() - at);
    if (rest >= 16 && std::all_of(&bytes[at], &bytes[at] + 16, [](std::uint8_t byte) { return byte == 0; })) {
      out_.clear_16(address);
      at += 16;
      continue;
    }
    for (const std::uint32_t size : kBytes) {
      std::uint64_t number = 0;
      for (std::uint32_t i = 0; i < size && size <= rest; ++i) number |= std::uint64_t{bytes[at + i]} << 8 * i;
      if (size > rest || (size == 8 && is_wide(number))) continue;
      Shape shape{Operation::store_, Operands::store_imm};
      shape.width = static_cast<std::uint8_t>(size * 8);
      shape.check = lower::Check::free;
      out_.store_at(At{op_of(base, 0, signed_immediate(number, size == 8 ? 64 : 32)), shape, index}, address);
      at += size;
      break;
    }
  }
  return static_cast<std::uint32_t>(parts.size());
}

/// A look-up or an update that takes its arguments as addresses. Of what calls write, its code writes r0 alone: what
/// waits for the others may go on waiting, as they stay what they are until code is made that writes them.
void Tuner::array(const At& at, const lower::KnownCall& call) {
  constexpr unsigned kResult = 0, kKey = 2, kStored = 3;
  const Effects effects = out_.plan_.ops[at.index].effects;
  Sum key, value;
  const auto find_addresses = [&] {
    key = address_of(kKey, 0);
    if (call.stored_bytes == 0) return;
    value = address_of(kStored, 0);
    if (value.off <= INT32_MAX - static_cast<std::int32_t>(call.stored_bytes)) return;
    compute(kStored);
    value = copy_of(kStored).sum;
  };
  // Computing one may compute the other, and so may what waits for r0.
  find_addresses();
  find_addresses();
  needed_ = static_cast<RegSet>((live_ & ~effects.writes) | effects.reads);
  free(kResult, effects.reads);
  find_addresses();
  if (call.stored_bytes != 0)
    out_.update_array(at, call, key, value);
  else
    out_.lookup_array(at, call, key);
  for (const unsigned reg : members(effects.writes)) written(reg, false);
}

/// As the op stands: with its operands in registers, and nothing put off that reads what it writes.
void Tuner::plainly(const At& at) {
  const Effects effects = out_.plan_.ops[at.index].effects;
  compute_all(effects.reads);
  // What waits for a register that is written need not be computed; if it were, others might copy it, too late for
  // free().
  if (effects.writes != 0) needed_ = static_cast<RegSet>(live_ & ~effects.writes);
  for (const unsigned reg : members(effects.writes)) free(reg);
  out_.emit_op(at.index);
  for (const unsigned reg : members(effects.writes)) written(reg, false);
}

}  // namespace skep::jit
