// Numbers put together from bytes, as compilers load what may not be aligned: one load, turned round where the bytes
// are in the network's order.
//
// Ops are looked at, not emitted, for as long as they load from one base, shift and join what was loaded, or move other
// registers aside. Of the ops up to a join that makes a whole number, where nobody asks for the parts, the moves and
// one load are emitted.
#include <algorithm>
#include <array>

#include "jit/tune.hpp"

namespace skep::jit {
namespace {

using isa::Operands;
using isa::Operation;
using lower::Op;
using lower::Shape;

constexpr unsigned kBytes = 8;

class Assembly {
 public:
  struct Number {
    std::uint32_t bytes = 0;  ///< 2, 4 or 8; 0 for none
    std::int32_t off = 0;     ///< of its lowest address, from the first load's
    bool turned = false;
  };

  explicit Assembly(const Op& first) : base_(first.src), off_(first.off) {}

  /// False where it is none of this.
  bool step(const Op& op, const Shape& shape) {
    const bool wide = shape.width == 64;
    Parts& dst = parts_[op.dst];
    switch (shape.operands) {
      case Operands::load:
        return shape.operation == Operation::load_ && shape.check == lower::Check::free && load(op, shape.bytes());
      case Operands::dst_imm:
        if (shape.operation != Operation::lsh_ || !has_parts(op.dst) || op.imm < 0 || op.imm >= shape.width)
          return false;
        if (op.imm % 8 != 0) return false;
        std::shift_right(dst.begin(), dst.end(), op.imm / 8);
        std::fill_n(dst.begin(), op.imm / 8, kNone);
        return cut(dst, wide);
      case Operands::dst_src:
        if (shape.operation == Operation::mov_) return move(op, wide);
        return (shape.operation == Operation::or_ || shape.operation == Operation::add_) && join(op, wide);
      default:
        return false;
    }
  }

  [[nodiscard]] bool has_parts(unsigned reg) const noexcept { return (with_parts_ & bit_of(reg)) != 0; }
  /// All registers that hold parts of the number, or did.
  [[nodiscard]] RegSet touched() const noexcept { return with_parts_; }

  [[nodiscard]] Number number_in(unsigned reg) const {
    const Parts& parts = parts_[reg];
    const auto bytes = static_cast<std::uint32_t>(std::find(parts.begin(), parts.end(), kNone) - parts.begin());
    if ((bytes != 2 && bytes != 4 && bytes != kBytes) ||
        std::any_of(parts.begin() + bytes, parts.end(), [](std::int32_t part) { return part != kNone; }))
      return {};
    const std::int32_t step = parts[1] - parts[0];
    if (step != 1 && step != -1) return {};
    for (std::uint32_t i = 1; i < bytes; ++i)
      if (parts[i] - parts[i - 1] != step) return {};
    return {bytes, std::min(parts[0], parts[bytes - 1]), step < 0};
  }

 private:
  static constexpr std::int32_t kNone = INT32_MAX;  // a byte that is 0
  using Parts = std::array<std::int32_t, kBytes>;   // what lies in each byte: its distance from the first load's

  bool load(const Op& op, unsigned bytes) {
    const std::int32_t distance = op.off - off_;
    constexpr std::int32_t kReach = kBytes;
    if (op.src != base_ || has_parts(base_) || bytes == kBytes || distance >= kReach || distance <= -kReach)
      return false;
    Parts& dst = parts_[op.dst];
    dst.fill(kNone);
    for (unsigned i = 0; i < bytes; ++i) dst[i] = distance + static_cast<std::int32_t>(i);
    with_parts_ |= bit_of(op.dst);
    return true;
  }

  bool move(const Op& op, bool wide) {
    if (op.dst == base_) return false;
    if (!has_parts(op.src)) return !has_parts(op.dst);  // another register, set aside
    parts_[op.dst] = parts_[op.src];
    with_parts_ |= bit_of(op.dst);
    return cut(parts_[op.dst], wide);
  }

  bool join(const Op& op, bool wide) {
    if (op.dst == op.src || !has_parts(op.dst) || !has_parts(op.src)) return false;
    Parts& dst = parts_[op.dst];
    const Parts& src = parts_[op.src];
    for (unsigned i = 0; i < kBytes; ++i) {
      if (dst[i] != kNone && src[i] != kNone) return false;
      dst[i] = std::min(dst[i], src[i]);
    }
    return cut(dst, wide);
  }

  static bool cut(Parts& parts, bool wide) {
    if (!wide) std::fill(parts.begin() + kBytes / 2, parts.end(), kNone);
    return true;
  }

  unsigned base_;
  std::int32_t off_;
  RegSet with_parts_ = 0;
  std::array<Parts, kRegisterNumbers> parts_;  // of registers that have some
};

}  // namespace

std::uint32_t Tuner::load_bytes(std::uint32_t index, std::uint32_t end) {
  constexpr std::uint32_t kMostOps = 32;
  const At first = out_.at(index);
  if (first.op.src == isa::kFramePointer) return 0;
  Assembly assembly(first.op);
  Assembly::Number number;
  std::uint32_t ops = 0;
  for (std::uint32_t i = index; i < std::min(end, index + kMostOps); ++i) {
    const At at = out_.at(i);
    if (!assembly.step(at.op, at.shape)) break;
    const bool joins = at.shape.operands == Operands::dst_src && at.shape.operation != Operation::mov_;
    const auto parts = static_cast<RegSet>(assembly.touched() & ~bit_of(at.op.dst));
    const RegSet asked = live_after_[i - block_first_] & parts;
    if (!joins || asked != 0) continue;
    if (const auto made = assembly.number_in(at.op.dst); made.bytes != 0) {
      number = made;
      ops = i + 1 - index;
    }
  }
  if (ops == 0) return 0;

  const std::uint32_t last = index + ops - 1;
  const unsigned base = first.op.src, dst = out_.at(last).op.dst;
  // Registers that parts pass through still hold what they did: only moves of those that never had any are made.
  Assembly again(first.op);
  for (std::uint32_t i = index; i < last; ++i) {
    const At at = out_.at(i);
    const bool aside = at.shape.operation == Operation::mov_ && !again.has_parts(at.op.src);
    again.step(at.op, at.shape);
    if (aside) emit_op(i, static_cast<RegSet>(live_after_[i - block_first_] | bit_of(base)));
  }
  live_ = live_after_[last - block_first_];
  needed_ = live_ | bit_of(base);
  out_.mark(MachineCode::Role::insn, index);
  Op op = op_of(dst, base, 0);
  op.off = first.op.off + number.off;
  Shape shape{Operation::load_, Operands::load};
  shape.width = static_cast<std::uint8_t>(8 * number.bytes);
  shape.check = lower::Check::free;
  load(At{op, shape, index});
  if (!number.turned) return ops;
  Shape turn{Operation::bswap_, Operands::dst};
  turn.fixed = shape.width;
  out_.unary(At{op, turn, index});
  return ops;
}

}  // namespace skep::jit
