// What a code means, in fields: the instruction table's row and what its variant adds. For engines that go over ops one
// by one; the interpreter has a label a code instead.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "isa/table.hpp"
#include "lower/op.hpp"

namespace skep::lower {

/// How a memory op's access is checked.
enum class Check : std::uint8_t {
  checked,  ///< against the windows of its base register
  free,     ///< not at all
  field,    ///< not at all, but it may load a field of the structured context
  probe,    ///< against every region; yields 0 where that fails
};

/// Which operand the op before it wrote; an engine may have it at hand.
enum class Ready : std::uint8_t { none, dst, src };

/// The codes from Code::constant on stand for no form; their shape has the operands `none` and the operation `exit_`.
struct Shape {
  isa::Operation operation = isa::Operation::exit_;
  isa::Operands operands = isa::Operands::none;
  std::uint8_t width = 64;  ///< bits: of ALU operations and comparisons 32 or 64, of memory accesses their size
  std::uint8_t fixed = 0;   ///< bits that movsx extends from, or that byte-order operations keep
  Check check = Check::checked;
  Ready ready = Ready::none;
  std::uint8_t reads = 0;  ///< the table's columns; see isa::registers_of()
  std::uint8_t writes = 0;

  [[nodiscard]] constexpr unsigned bytes() const noexcept { return width / 8u; }
};

inline constexpr std::size_t kCodeCount = static_cast<std::size_t>(Code::trap) + 1;

namespace detail {

constexpr Check check_of(Variant variant) noexcept {
  switch (variant) {
    case Variant::dst_ready:
    case Variant::src_ready:
      return Check::checked;
    case Variant::free:
    case Variant::free_src_ready:
      return Check::free;
    case Variant::field:
      return Check::field;
    case Variant::probe:
      return Check::probe;
  }
  return Check::checked;
}

constexpr Ready ready_of(Variant variant) noexcept {
  switch (variant) {
    case Variant::dst_ready:
      return Ready::dst;
    case Variant::src_ready:
    case Variant::free_src_ready:
      return Ready::src;
    case Variant::free:
    case Variant::field:
    case Variant::probe:
      return Ready::none;
  }
  return Ready::none;
}

constexpr Shape make_shape(isa::Operation operation, isa::Operands operands, unsigned opcode, std::int64_t off,
                           std::int64_t imm) noexcept {
  Shape shape{operation, operands};
  const unsigned cls = opcode & 7;
  if (cls < 4) {
    constexpr std::uint8_t kBits[] = {32, 16, 8, 64};
    shape.width = kBits[opcode >> 3 & 3];
  } else {
    shape.width = cls == 7 || cls == 5 ? 64 : 32;
  }
  if (operation == isa::Operation::movsx_) shape.fixed = static_cast<std::uint8_t>(off);
  if (operands == isa::Operands::dst && imm > 0 && imm <= 64) shape.fixed = static_cast<std::uint8_t>(imm);
  return shape;
}

constexpr Shape make_variant(Shape shape, Variant variant) noexcept {
  shape.check = check_of(variant);
  shape.ready = ready_of(variant);
  return shape;
}

constexpr std::array<Shape, kCodeCount> make_shapes() noexcept {
  using namespace isa::regs;
  constexpr std::int64_t any = isa::kAny;
  std::array<Shape, kCodeCount> shapes{};
#define SKEP_INSN(form, opcode, mnemonic, operation, operands, src, off, imm, group, read, written) \
  shapes[static_cast<std::size_t>(Code::form)] =                                                    \
      make_shape(isa::Operation::operation, isa::Operands::operands, opcode, off, imm);             \
  shapes[static_cast<std::size_t>(Code::form)].reads = read;                                        \
  shapes[static_cast<std::size_t>(Code::form)].writes = written;
#include "isa/insns.inc"
#define SKEP_VARIANT(form, variant)                          \
  shapes[static_cast<std::size_t>(Code::form##_##variant)] = \
      make_variant(shapes[static_cast<std::size_t>(Code::form)], Variant::variant);
#define SKEP_INSN(form, opcode, mnemonic, operation, operands, ...) SKEP_VARIANTS_##operands(SKEP_VARIANT, form)
#include "isa/insns.inc"
#undef SKEP_VARIANT
  shapes[static_cast<std::size_t>(Code::constant)].writes = D;
  return shapes;
}

inline constexpr auto kShapes = make_shapes();

}  // namespace detail

[[nodiscard]] constexpr const Shape& shape_of(Code code) noexcept {
  return detail::kShapes[static_cast<std::size_t>(code)];
}

}  // namespace skep::lower
