// Registers, slots and whole frames the way Linux' verifier log prints them (6.18).
#pragma once

#include <cstdint>
#include <string>

#include "verifier/input.hpp"
#include "verifier/state/state.hpp"

namespace skep::verifier {

/// Which registers and slots of a frame to print. Bits by number.
struct Selection {
  std::uint32_t regs = 0;
  std::uint64_t slots = 0;
  [[nodiscard]] static Selection all() noexcept { return {~std::uint32_t{0}, ~std::uint64_t{0}}; }
  [[nodiscard]] bool empty() const noexcept { return regs == 0 && slots == 0; }
};

/// "ctx()", "scalar(smin=0,smax=umax=255,var_off=(0x0; 0xff))", "fp-8". `frame` is the one that holds it.
[[nodiscard]] std::string kernel_text(const Register& reg, unsigned frame, const Input& input);
/// " R1=ctx() R10=fp0 fp-8=mmmmmmmm", with " frame1:" in front in a callee.
[[nodiscard]] std::string kernel_text(const State& state, unsigned frame, const Selection& selection,
                                      const Input& input);

}  // namespace skep::verifier
