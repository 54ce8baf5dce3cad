// Each question is a walk backwards that ends with the op that answers it, or with one that may do anything.
#include "lower/look_back.hpp"

#include "lower/shape.hpp"

namespace skep::lower {
namespace {

using isa::Operands;
using isa::Operation;

constexpr std::uint32_t kAnything = UINT32_MAX;
constexpr std::int64_t kAskedBytes = 4;

bool stores(const Shape& shape) {
  return shape.operands == Operands::store_imm || shape.operands == Operands::store_src;
}

/// It computes or loads what goes into one register.
bool yields(const Op& op, const Shape& shape) {
  const bool computes = shape.operands == Operands::dst || shape.operands == Operands::dst_imm ||
                        shape.operands == Operands::dst_src || shape.operands == Operands::load;
  return (computes && shape.operation != Operation::call_) || op.code == Code::constant;
}

/// What the op gives its register, whatever was there before.
std::optional<std::uint64_t> constant_of(const Op& op) {
  if (op.code == Code::constant) return static_cast<std::uint64_t>(op.imm);
  const Shape& shape = shape_of(op.code);
  if (shape.operation != Operation::mov_ || shape.operands != Operands::dst_imm) return std::nullopt;
  return shape.width == 64 ? static_cast<std::uint64_t>(op.imm) : static_cast<std::uint32_t>(op.imm);
}

/// The greatest number that the lower half of the op's result may be, whatever was there before.
std::uint32_t most_of(const Op& op) {
  const Shape& shape = shape_of(op.code);
  if (const auto constant = constant_of(op)) return static_cast<std::uint32_t>(*constant);
  if (shape.operation == Operation::load_ && shape.check == Check::free && shape.width < 32)
    return kAnything >> (32 - shape.width);
  if (shape.operands != Operands::dst_imm) return kAnything;
  const auto imm = static_cast<std::uint32_t>(op.imm);
  switch (shape.operation) {
    case Operation::and_:
      return imm;
    case Operation::mod_:
      return op.imm > 0 ? imm - 1 : kAnything;
    case Operation::rsh_: {
      const unsigned gone = shape.width == 64 && imm >= 32 ? imm - 32 : imm;
      return shape.width == 64 && imm < 32 ? kAnything : kAnything >> (gone % 32);
    }
    default:  // what may come
      return kAnything;
  }
}

}  // namespace

LookBack::LookBack(const Image& image, const verifier::Facts& facts)
    : image_(image), facts_(facts), is_target_(image.ops.size()) {
  for (const Function& function : image.functions) is_target_[function.op] = true;
  for (std::size_t i = 0; i < image.ops.size(); ++i) {
    const Operands operands = shape_of(image.ops[i].code).operands;
    if (operands == Operands::jump_off || operands == Operands::jump_imm || operands == Operands::compare_imm ||
        operands == Operands::compare_src)
      is_target_[i + static_cast<std::size_t>(std::int64_t{image.ops[i].off})] = true;
  }
}

/// Null where control may come from elsewhere, or the op before may do anything.
const Op* LookBack::op_before(std::size_t op) const {
  if (op == 0 || is_target_[op]) return nullptr;
  const Op& before = image_.ops[op - 1];
  const Shape& shape = shape_of(before.code);
  return stores(shape) || yields(before, shape) ? &before : nullptr;
}

std::optional<std::uint64_t> LookBack::constant_before(std::size_t op, unsigned reg) const {
  while (const Op* before = op_before(op--))
    if (!stores(shape_of(before->code)) && before->dst == reg) return constant_of(*before);
  return std::nullopt;
}

/// Where it points to, counted from the frame pointer.
std::optional<std::int64_t> LookBack::frame_off_before(std::size_t op, unsigned reg) const {
  std::int64_t off = 0;
  while (const Op* before = op_before(op--)) {
    const Shape& shape = shape_of(before->code);
    if (stores(shape) || before->dst != reg) continue;
    if (shape.width != 64) return std::nullopt;
    if (shape.operation == Operation::add_ && shape.operands == Operands::dst_imm)
      off += before->imm;
    else if (shape.operation == Operation::mov_ && shape.operands == Operands::dst_src)
      reg = before->src;
    else
      return std::nullopt;
    if (reg == isa::kFramePointer) return off;
  }
  return std::nullopt;
}

std::uint32_t LookBack::most_in_frame(std::size_t op, std::int64_t off) const {
  while (const Op* before = op_before(op--)) {
    const Shape& shape = shape_of(before->code);
    if (!stores(shape)) continue;
    if (before->dst != isa::kFramePointer) {  // perhaps to the frame all the same
      const verifier::KindSet base = facts_.at(image_.pcs[op]).base;
      if (base == 0 || (base & verifier::kind_bit(verifier::RegKind::stack)) != 0) return kAnything;
      continue;
    }
    const std::int64_t low = before->off, end = low + shape.bytes();
    if (end <= off || low >= off + kAskedBytes) continue;
    if (low != off || end < off + kAskedBytes) return kAnything;
    return shape.operands == Operands::store_imm ? static_cast<std::uint32_t>(before->imm)
                                                 : most_before(op, before->src);
  }
  return kAnything;
}

/// Of the register's lower half.
std::uint32_t LookBack::most_before(std::size_t op, unsigned reg) const {
  while (const Op* before = op_before(op--)) {
    const Shape& shape = shape_of(before->code);
    if (stores(shape) || before->dst != reg) continue;
    if (shape.operation != Operation::mov_ || shape.operands != Operands::dst_src) return most_of(*before);
    reg = before->src;
  }
  return kAnything;
}

std::uint32_t LookBack::most_at(std::size_t op, unsigned reg) const {
  const auto off = frame_off_before(op, reg);
  return off ? most_in_frame(op, *off) : kAnything;
}

}  // namespace skep::lower
