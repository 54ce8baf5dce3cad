// Which ops hold numbers, and what they become.
#include "jit/blind.hpp"

#include <sys/random.h>

namespace skep::jit {

using isa::Operands;
using isa::Operation;

namespace {

constexpr std::uint64_t extended(std::uint32_t bits) noexcept {
  return static_cast<std::uint64_t>(std::int64_t{static_cast<std::int32_t>(bits)});
}

bool shifts(Operation operation) noexcept {
  return operation == Operation::lsh_ || operation == Operation::rsh_ || operation == Operation::arsh_;
}

/// The same op by register: it takes the low half, or all of a number that its immediate is extended to.
Blinded by_register(const lower::Op& op, const lower::Shape& shape, Operands operands) noexcept {
  Blinded by{extended(static_cast<std::uint32_t>(op.imm)), kNumber, op, shape};
  by.op.src = kNumber;
  by.shape.operands = operands;
  return by;
}

}  // namespace

std::optional<Blinded> blinded(const lower::Op& op, const lower::Shape& shape) noexcept {
  switch (shape.operands) {
    case Operands::dst_imm: {
      if (shifts(shape.operation)) return std::nullopt;
      Blinded by = by_register(op, shape, Operands::dst_src);
      if (shape.operation != Operation::mov_) return by;
      if (shape.width == 32) by.number = static_cast<std::uint32_t>(by.number);
      by.into = op.dst;
      return by;
    }
    case Operands::compare_imm:
      return by_register(op, shape, Operands::compare_src);
    case Operands::store_imm:
      return by_register(op, shape, Operands::store_src);
    case Operands::none:
      if (op.code != lower::Code::constant) return std::nullopt;
      return Blinded{static_cast<std::uint64_t>(op.imm), op.dst, op, shape};
    case Operands::dst:
    case Operands::dst_src:
    case Operands::dst_src_imm:
    case Operands::jump_off:
    case Operands::jump_imm:
    case Operands::compare_src:
    case Operands::call_imm:
    case Operands::call_pc:
    case Operands::load:
    case Operands::store_src:
    case Operands::atomic:
    case Operands::lddw:
    case Operands::packet_abs:
    case Operands::packet_ind:
      return std::nullopt;
  }
  return std::nullopt;
}

Halves Masks::halves(std::uint64_t number) noexcept {
  std::uint64_t mask = next();
  if (number <= UINT32_MAX)
    mask = static_cast<std::uint32_t>(mask);
  else if (number == extended(static_cast<std::uint32_t>(number)))
    mask = extended(static_cast<std::uint32_t>(mask));
  return {number ^ mask, mask};
}

std::uint64_t Masks::next() noexcept {
  if (left_ == 0) {
    // Requests of this size are not cut short; should one fail, numbers stay what they were: no worse than without
    // masks.
    static_cast<void>(getrandom(random_.data(), sizeof random_, 0));
    left_ = random_.size();
  }
  return random_[--left_];
}

}  // namespace skep::jit
