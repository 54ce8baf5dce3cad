// Numbers of untrusted programs, kept out of their code.
//
// Whoever writes a program chooses its immediates, and might choose some that are instructions when run from their
// middle. A blinded op has its number in a register, where code brings it together from two halves, number ^ mask and
// mask; masks are random and new for each op. What remains: displacements (16 bits), distances of jumps, counts of
// shifts, indices of ops; Linux leaves the first three alone, too.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>

#include "isa/table.hpp"
#include "lower/op.hpp"
#include "lower/shape.hpp"

namespace skep::jit {

/// As the source of an op: the back end's register for such numbers. No op of an image names it.
inline constexpr unsigned kNumber = isa::kRegisters;

struct Blinded {
  std::uint64_t number = 0;  ///< to be brought together in register `into`
  unsigned into = kNumber;   ///< a register of the program when nothing else is to be done, otherwise kNumber
  lower::Op op;              ///< then this remains, which takes the number from there
  lower::Shape shape;
};
/// Nothing when the op holds no number of the program's.
[[nodiscard]] std::optional<Blinded> blinded(const lower::Op& op, const lower::Shape& shape) noexcept;

/// number = first ^ second. Both are as narrow as the number is: of 32 bits, or of 32 bits and a sign.
struct Halves {
  std::uint64_t first = 0;
  std::uint64_t second = 0;
};

/// Makes halves, with masks from the system's random numbers.
class Masks {
 public:
  [[nodiscard]] Halves halves(std::uint64_t number) noexcept;

 private:
  [[nodiscard]] std::uint64_t next() noexcept;

  std::array<std::uint64_t, 32> random_{};  // as many as one call always gives
  std::size_t left_ = 0;
};

}  // namespace skep::jit
