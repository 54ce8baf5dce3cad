// Which machine register is what. r0 to r5 lie where C's calling convention wants a helper's result and arguments, so
// that a helper's call is `mov rdi, env; call`. r6 to r9 and the frame pointer lie in registers that C preserves.
#pragma once

#include <asmjit/x86.h>

#include <array>
#include <cstddef>

#include "isa/table.hpp"
#include "vm/machine.hpp"

namespace skep::jit::x64 {

namespace x86 = asmjit::x86;

/// After the program's: kNumber's, which is kTemp2, and kMachine where nobody asks for the Machine.
inline constexpr std::array<x86::Gp, isa::kRegisters + 2> kRegisters{x86::rax, x86::rsi, x86::rdx, x86::rcx, x86::r8,
                                                                     x86::r9,  x86::rbx, x86::r13, x86::r14, x86::r15,
                                                                     x86::rbp, x86::r11, x86::r12};

inline constexpr x86::Gp kMachine = x86::r12;
inline constexpr x86::Gp kFrame = x86::rbp;

// Scratch. Call-outs take the address of an access in kAddress, and the op's index in kTemp.
inline constexpr x86::Gp kAddress = x86::rdi;
inline constexpr x86::Gp kTemp = x86::r10;
inline constexpr x86::Gp kTemp2 = x86::r11;

[[nodiscard]] inline const x86::Gp& reg(unsigned bpf) noexcept { return kRegisters[bpf]; }
/// The register at the width of an operation: 32 or 64 bits.
[[nodiscard]] inline x86::Gp sized(const x86::Gp& reg, unsigned width) noexcept {
  return width == 64 ? reg : reg.r32();
}

/// A member of the Machine, as an operand of 64 bits.
[[nodiscard]] inline x86::Mem machine(std::size_t offset) noexcept {
  return x86::ptr_64(kMachine, static_cast<std::int32_t>(offset));
}
#define SKEP_MACHINE(member) ::skep::jit::x64::machine(offsetof(::skep::vm::Machine, member))

}  // namespace skep::jit::x64
