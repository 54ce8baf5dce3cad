// One pass over the ops, once it is known where control may come from elsewhere: at targets of jumps and where
// functions start. Calls come back to an op with nothing at hand.
#include "vm/ready.hpp"

#include <array>
#include <vector>

#include "lower/shape.hpp"
#include "lower/variants.hpp"

namespace skep::vm {
namespace {

using isa::Operands;
using lower::Code;
using lower::Op;
using lower::Shape;
using lower::Variant;

constexpr unsigned kNoRegister = 255;

/// What a code becomes where registers are at hand: by 1 for its destination and 2 for its source.
constexpr auto kReadyCodes = [] {
  std::array<std::array<Code, 4>, lower::kCodeCount> codes{};
  for (std::size_t code = 0; code < codes.size(); ++code) codes[code].fill(static_cast<Code>(code));
  for (std::size_t form = 0; form < isa::kFormCount; ++form) {
    const auto of = [form](Variant variant) { return lower::variant_of(static_cast<isa::Form>(form), variant); };
    const auto plain = static_cast<Code>(form);
    const Code dst = of(Variant::dst_ready), src = of(Variant::src_ready);
    const Code free = of(Variant::free), free_src = of(Variant::free_src_ready);
    codes[form] = {plain, dst, src, dst != plain ? dst : src};
    if (free_src != plain) codes[static_cast<std::size_t>(free)] = {free, free, free_src, free_src};
  }
  return codes;
}();

/// What an op leaves at hand.
enum class Leaves : std::uint8_t { result, what_was_there, nothing };

constexpr Leaves leaves_of(const Shape& shape) {
  switch (shape.operands) {
    case Operands::dst_imm:
    case Operands::dst_src:
    case Operands::load:
      return Leaves::result;
    case Operands::dst:
      return shape.operation == isa::Operation::call_ ? Leaves::nothing : Leaves::result;
    case Operands::compare_imm:
    case Operands::compare_src:
    case Operands::store_imm:
    case Operands::store_src:
      return Leaves::what_was_there;
    case Operands::none:
    case Operands::dst_src_imm:
    case Operands::jump_off:
    case Operands::jump_imm:
    case Operands::call_imm:
    case Operands::call_pc:
    case Operands::atomic:
    case Operands::lddw:
    case Operands::packet_abs:
    case Operands::packet_ind:
      return Leaves::nothing;
  }
  return Leaves::nothing;
}

constexpr auto kLeaves = [] {
  std::array<Leaves, lower::kCodeCount> leaves{};
  for (std::size_t code = 0; code < leaves.size(); ++code)
    leaves[code] = leaves_of(lower::shape_of(static_cast<Code>(code)));
  leaves[static_cast<std::size_t>(Code::constant)] = Leaves::result;
  return leaves;
}();

bool goes_elsewhere(const Op& op) {
  const Operands operands = lower::shape_of(op.code).operands;
  return operands == Operands::jump_off || operands == Operands::jump_imm || operands == Operands::compare_imm ||
         operands == Operands::compare_src;
}

std::vector<bool> find_targets(const lower::Image& image) {
  std::vector<bool> is_target(image.ops.size());
  for (const lower::Function& function : image.functions) is_target[function.op] = true;
  for (std::size_t i = 0; i < image.ops.size(); ++i)
    if (goes_elsewhere(image.ops[i])) is_target[i + static_cast<std::size_t>(image.ops[i].off)] = true;
  return is_target;
}

}  // namespace

void find_ready(lower::Image& image) {
  const std::vector<bool> is_target = find_targets(image);
  unsigned ready = kNoRegister;
  for (std::size_t i = 0; i < image.ops.size(); ++i) {
    Op& op = image.ops[i];
    if (is_target[i]) ready = kNoRegister;
    const Leaves leaves = kLeaves[static_cast<std::size_t>(op.code)];
    op.code = kReadyCodes[static_cast<std::size_t>(op.code)][(op.dst == ready ? 1u : 0u) | (op.src == ready ? 2u : 0u)];
    if (leaves != Leaves::what_was_there) ready = leaves == Leaves::result ? op.dst : kNoRegister;
  }
}

}  // namespace skep::vm
