// What a user without CAP_PERFMON has to keep so that a processor which mispredicts reads nothing it should not.
//
// Linux masks the number that is added to a pointer, so that the sum stays inside the object even where a check was
// predicted wrongly, and walks the ways that only a misprediction takes. A program whose pointers no mask can fit is
// refused. Privileged programs need none of this, and nothing here asks for anything.
#pragma once

#include "verifier/transfer/transfer.hpp"

namespace skep::verifier {

/// `dst = pointer op number`, with a number out of a register.
class MaskedMove {
 public:
  /// `pointer_is_dst`: else the number is. All references have to live until end().
  MaskedMove(Walk& walk, const Step& step, Alu op, const Register& pointer, const Register& number, bool pointer_is_dst)
      : walk_(walk), step_(step), op_(op), pointer_(pointer), number_(number), pointer_is_dst_(pointer_is_dst) {}

  /// Before the move; puts the way aside on which a mask made the number 0.
  [[nodiscard]] Objection begin();
  /// After it: the pointer is inside its object, and the mask is the same on every path.
  [[nodiscard]] Objection end(const Register& moved) const;

 private:
  [[nodiscard]] bool is_masked() const noexcept;
  [[nodiscard]] Objection check_inside(const Register& moved) const;
  [[nodiscard]] Objection find_limit(const Register& pointer, std::uint32_t& limit) const;

  Walk& walk_;
  const Step& step_;
  Alu op_;
  const Register& pointer_;
  const Register& number_;
  bool pointer_is_dst_;
  AluMask mask_;
};

/// A sum or difference of two numbers, where other paths may compute with a pointer.
[[nodiscard]] Objection note_unmasked(Walk& walk, const Step& step, Alu op);
/// Puts the way aside that a branch does not take, with nothing known of what it compares.
[[nodiscard]] Objection mispredict(Walk& walk, const Step& step, std::uint32_t to);
/// A tail call out of different maps could not be bounded.
[[nodiscard]] Objection note_tail_call(Walk& walk, const Step& step, std::uint32_t map);

}  // namespace skep::verifier
