// What is known before the run at one instruction: numbers that registers and bytes of the stack hold whenever it is
// reached, and registers that point to a known place of the function's own frame.
//
// What is not known to be so is not said to be.
#pragma once

#include <array>
#include <bit>
#include <cstdint>

#include "isa/table.hpp"
#include "lower/stack_bytes.hpp"

namespace skep::lower {

struct Value {
  enum class Kind : std::uint8_t {
    unknown,
    number,
    frame,  ///< r10 + bits
  };
  Kind kind = Kind::unknown;
  std::uint64_t bits = 0;

  [[nodiscard]] static constexpr Value number(std::uint64_t number) noexcept { return {Kind::number, number}; }
  [[nodiscard]] static constexpr Value frame(std::uint64_t off) noexcept { return {Kind::frame, off}; }
  [[nodiscard]] constexpr bool is_number() const noexcept { return kind == Kind::number; }
  [[nodiscard]] constexpr bool is_frame() const noexcept { return kind == Kind::frame; }
  [[nodiscard]] constexpr std::int64_t off() const noexcept { return static_cast<std::int64_t>(bits); }
};

/// Sets of registers are bits.
class KnownRegisters {
 public:
  [[nodiscard]] Value operator[](unsigned reg) const noexcept {
    if ((numbers_ >> reg & 1) != 0) return Value::number(bits_[reg]);
    return (frames_ >> reg & 1) != 0 ? Value::frame(bits_[reg]) : Value{};
  }
  [[nodiscard]] unsigned known() const noexcept { return numbers_ | frames_; }

  void set(unsigned reg, const Value& value) noexcept {
    forget(1u << reg);
    bits_[reg] = value.bits;
    if (value.is_number()) numbers_ |= 1u << reg;
    if (value.is_frame()) frames_ |= 1u << reg;
  }
  void forget(unsigned regs) noexcept {
    numbers_ &= ~regs;
    frames_ &= ~regs;
  }
  /// Keeps what the other knows, too; true when that is less than before.
  [[nodiscard]] bool meet(const KnownRegisters& other) noexcept {
    unsigned differ = known();
    for (unsigned both = (numbers_ & other.numbers_) | (frames_ & other.frames_); both != 0; both &= both - 1) {
      const auto reg = static_cast<unsigned>(std::countr_zero(both));
      if (bits_[reg] == other.bits_[reg]) differ &= ~(1u << reg);
    }
    forget(differ);
    return differ != 0;
  }

 private:
  std::array<std::uint64_t, isa::kRegisters> bits_{};  // mean something where one of these has the register
  unsigned numbers_ = 0, frames_ = 0;
};

struct Known {
  KnownRegisters regs;
  StackBytes stack;

  /// When a function starts; arguments may be added.
  [[nodiscard]] static Known at_entry() {
    Known known;
    known.regs.set(isa::kFramePointer, Value::frame(0));
    return known;
  }
  [[nodiscard]] bool meet(const Known& other) {
    const bool less = stack.meet(other.stack);
    return regs.meet(other.regs) || less;
  }
};

}  // namespace skep::lower
