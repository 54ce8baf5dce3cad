// Which machine register is what. r0 to r5 lie where C's calling convention wants a helper's result and arguments, so
// that a helper's call is `ldr x0, env; blr`. r6 to r9, the frame and the Machine lie in registers that C preserves.
#pragma once

#include <asmjit/arm/a64assembler.h>
#include <asmjit/arm/a64utils.h>
#include <asmjit/core.h>

#include <array>
#include <cstddef>

#include "isa/table.hpp"
#include "vm/machine.hpp"

namespace skep::jit::a64 {

namespace arm = asmjit::a64;

/// After the program's: kNumber's, which is kTemp3, what C preserves beside them, and kMachine where nobody asks for
/// the Machine.
inline constexpr std::array<arm::GpX, isa::kRegisters + 5> kRegisters{
    arm::x0,  arm::x1,  arm::x2,  arm::x3,  arm::x4,  arm::x5,  arm::x19, arm::x20,
    arm::x21, arm::x22, arm::x23, arm::x11, arm::x26, arm::x27, arm::x28, arm::x24};

inline constexpr arm::GpX kMachine = arm::x24;
inline constexpr arm::GpX kFrame = arm::x23;
/// The lowest address of the running frame: displacements from there are positive, which are the cheap ones.
inline constexpr arm::GpX kFrameBottom = arm::x25;

// Scratch. Call-outs take the address of an access in kAddress, and the op's index in kTemp.
inline constexpr arm::GpX kAddress = arm::x8;
inline constexpr arm::GpX kTemp = arm::x9;
inline constexpr arm::GpX kTemp2 = arm::x10;
inline constexpr arm::GpX kTemp3 = arm::x11;

inline constexpr arm::GpX kFramePointer = arm::x29;  ///< C's: what debuggers and profilers walk along
inline constexpr arm::GpX kReturnAddress = arm::x30;

[[nodiscard]] inline const arm::GpX& reg(unsigned bpf) noexcept { return kRegisters[bpf]; }
/// The register at the width of an operation: 32 or 64 bits.
[[nodiscard]] inline arm::Gp sized(const arm::Gp& reg, unsigned width) noexcept {
  return width == 64 ? arm::Gp(reg.x()) : arm::Gp(reg.w());
}
/// The register that reads as 0.
[[nodiscard]] inline arm::Gp zero(unsigned width) noexcept {
  return width == 64 ? arm::Gp(arm::xzr) : arm::Gp(arm::wzr);
}

/// A member of the Machine.
[[nodiscard]] inline arm::Mem machine(std::size_t offset) noexcept {
  return arm::ptr(kMachine, static_cast<std::int32_t>(offset));
}
#define SKEP_MACHINE(member) ::skep::jit::a64::machine(offsetof(::skep::vm::Machine, member))

}  // namespace skep::jit::a64
