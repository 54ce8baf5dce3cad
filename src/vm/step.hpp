// What plain ops do: those that need nothing of a run but its registers, and neither call, end nor check anything.
//
// One function template does them all, made from an op's shape; a code that is not plain does not compile. What an op
// writes also stays in `last`, a machine register: the ready variants read it there instead of waiting for the store to
// come back from memory. A sequence does several ops as if they came one by one.
#pragma once

#include <cstdint>
#include <type_traits>

#include "base/guest_memory.hpp"
#include "lower/shape.hpp"
#include "vm/alu.hpp"
#include "vm/machine.hpp"

namespace skep::vm {

using lower::Code;
using lower::Op;

template <unsigned kBytes>
using Unsigned = std::conditional_t<
    kBytes == 8, std::uint64_t,
    std::conditional_t<kBytes == 4, std::uint32_t, std::conditional_t<kBytes == 2, std::uint16_t, std::uint8_t>>>;

/// What a load of the kind leaves in the register.
template <isa::Operation kOp, unsigned kBytes>
constexpr std::uint64_t extend(std::uint64_t value) noexcept {
  if constexpr (kOp == isa::Operation::load_signed_)
    return sign_extend<kBytes * 8, 64>(value);
  else
    return value;
}

template <isa::Operation kOp, unsigned kBytes>
inline std::uint64_t load(std::uint64_t address) noexcept {
  using U = Unsigned<kBytes>;
  if constexpr (kOp == isa::Operation::load_acquire_)
    return __atomic_load_n(reinterpret_cast<const U*>(address), __ATOMIC_ACQUIRE);
  else
    return extend<kOp, kBytes>(guest_load<U>(address));
}

template <isa::Operation kOp, unsigned kBytes>
inline void store(std::uint64_t address, std::uint64_t value) noexcept {
  using U = Unsigned<kBytes>;
  if constexpr (kOp == isa::Operation::store_release_)
    __atomic_store_n(reinterpret_cast<U*>(address), static_cast<U>(value), __ATOMIC_RELEASE);
  else
    guest_store<U>(address, static_cast<U>(value));
}

/// What an op does in the end.
enum class Effect : std::uint8_t { sets, stores, branches, jumps, other };

constexpr Effect effect_of(Code code) noexcept {
  if (code >= Code::constant) return code == Code::constant ? Effect::sets : Effect::other;
  const lower::Shape& shape = lower::shape_of(code);
  const bool free = shape.check == lower::Check::free;
  switch (shape.operands) {
    case isa::Operands::dst:
      return shape.operation == isa::Operation::call_ ? Effect::other : Effect::sets;
    case isa::Operands::dst_imm:
    case isa::Operands::dst_src:
      return Effect::sets;
    case isa::Operands::jump_off:
      return shape.operation == isa::Operation::may_goto_ ? Effect::other : Effect::jumps;
    case isa::Operands::jump_imm:
      return Effect::jumps;
    case isa::Operands::compare_imm:
    case isa::Operands::compare_src:
      return Effect::branches;
    case isa::Operands::load:
      return free ? Effect::sets : Effect::other;
    case isa::Operands::store_imm:
    case isa::Operands::store_src:
      return free ? Effect::stores : Effect::other;
    case isa::Operands::none:
    case isa::Operands::dst_src_imm:
    case isa::Operands::call_imm:
    case isa::Operands::call_pc:
    case isa::Operands::atomic:
    case isa::Operands::lddw:
    case isa::Operands::packet_abs:
    case isa::Operands::packet_ind:
      return Effect::other;
  }
  return Effect::other;
}

constexpr bool is_plain(Code code) noexcept { return effect_of(code) != Effect::other; }

/// A register, by its address: processors find what was stored last at once where the address is in one register, and
/// wait for the store where it is a base and an index.
template <class R>
[[gnu::always_inline]] inline auto& reg(R& r, unsigned index) noexcept {
  auto* address = r.data() + index;
  asm("" : "+r"(address));
  return *address;
}

/// The first operand.
template <Code kCode>
inline std::uint64_t left_of(const Op& op, const Registers& r, std::uint64_t last) noexcept {
  return lower::shape_of(kCode).ready == lower::Ready::dst ? last : reg(r, op.dst);
}

/// The second operand; of loads the base.
template <Code kCode>
inline std::uint64_t right_of(const Op& op, const Registers& r, std::uint64_t last) noexcept {
  using enum isa::Operands;
  constexpr lower::Shape kShape = lower::shape_of(kCode);
  constexpr bool kConstant = kCode == Code::constant || kShape.operands == dst_imm || kShape.operands == compare_imm ||
                             kShape.operands == store_imm;
  if constexpr (kConstant)
    return static_cast<std::uint64_t>(op.imm);
  else
    return kShape.ready == lower::Ready::src ? last : reg(r, op.src);
}

inline std::uint64_t at(std::uint64_t base, const Op& op) noexcept {
  return base + static_cast<std::uint64_t>(std::int64_t{op.off});
}

/// What a plain op leaves in its destination.
template <Code kCode>
inline std::uint64_t result_of(const Op& op, const Registers& r, std::uint64_t last) noexcept {
  constexpr lower::Shape kShape = lower::shape_of(kCode);
  constexpr isa::Operation kOperation = kShape.operation;
  if constexpr (kCode == Code::constant)
    return right_of<kCode>(op, r, last);
  else if constexpr (kShape.operands == isa::Operands::load)
    return load<kOperation, kShape.bytes()>(at(right_of<kCode>(op, r, last), op));
  else if constexpr (kOperation == isa::Operation::neg_)
    return negate<kShape.width>(left_of<kCode>(op, r, last));
  else if constexpr (kShape.operands == isa::Operands::dst)
    return byte_order<kOperation, kShape.fixed>(left_of<kCode>(op, r, last));
  else if constexpr (kOperation == isa::Operation::movsx_)
    return sign_extend<kShape.fixed, kShape.width>(right_of<kCode>(op, r, last));
  else
    return alu<kOperation, kShape.width>(left_of<kCode>(op, r, last), right_of<kCode>(op, r, last));
}

/// Does a plain op. True when it jumps: `op` is where to, then. With kUnkept the next op overwrites what this one sets,
/// and takes it from `last`.
template <Code kCode, bool kUnkept = false>
[[gnu::always_inline]] inline bool step(const Op*& op, Registers& r, std::uint64_t& last) noexcept {
  constexpr Effect kEffect = effect_of(kCode);
  constexpr lower::Shape kShape = lower::shape_of(kCode);
  static_assert(kEffect != Effect::other);
  if constexpr (kEffect == Effect::sets) {
    last = result_of<kCode>(*op, r, last);
    if constexpr (!kUnkept) reg(r, op->dst) = last;
    return false;
  } else if constexpr (kEffect == Effect::stores) {
    store<kShape.operation, kShape.bytes()>(at(reg(r, op->dst), *op), right_of<kCode>(*op, r, last));
    return false;
  } else {
    if constexpr (kEffect == Effect::branches)
      if (!jump_taken<kShape.operation, kShape.width>(left_of<kCode>(*op, r, last), right_of<kCode>(*op, r, last)))
        return false;
    op += op->off;
    return true;
  }
}

/// Its destination is the one of the op before (of loads: fuse() sees to that), and `last` tells it what was there.
constexpr bool overwrites_last(Code code) noexcept {
  const lower::Shape& shape = lower::shape_of(code);
  if (effect_of(code) != Effect::sets) return false;
  return shape.ready == lower::Ready::dst ||
         (shape.ready == lower::Ready::src && shape.operands == isa::Operands::load);
}

/// Does plain ops one after the other, from `op`; leaves `op` at the last of them, or where one of them jumped: true
/// then.
template <Code kCode, Code... kRest>
[[gnu::always_inline]] inline bool sequence(const Op*& op, Registers& r, std::uint64_t& last) noexcept {
  if constexpr (sizeof...(kRest) == 0) {
    return step<kCode>(op, r, last);
  } else {
    constexpr Code kNext[] = {kRest...};
    if (step<kCode, overwrites_last(kNext[0])>(op, r, last)) return true;
    ++op;
    return sequence<kRest...>(op, r, last);
  }
}

}  // namespace skep::vm
