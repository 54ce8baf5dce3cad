// Moving a state over one instruction: one function a class of instructions.
//
// Each takes the walk (whose `state` it changes) and the instruction; it gives back nothing, or why the program is
// refused. `state.pc` is set to where the path goes on; a path that ends says so with Walk::end_path().
#pragma once

#include "verifier/walk.hpp"

namespace skep::verifier {

[[nodiscard]] Objection transfer(Walk& walk, const Step& step);

[[nodiscard]] Objection transfer_alu(Walk& walk, const Step& step);
[[nodiscard]] Objection transfer_constant(Walk& walk, const Step& step);
[[nodiscard]] Objection transfer_branch(Walk& walk, const Step& step);
[[nodiscard]] Objection transfer_may_goto(Walk& walk, const Step& step);
[[nodiscard]] Objection transfer_load(Walk& walk, const Step& step);
[[nodiscard]] Objection transfer_store(Walk& walk, const Step& step);
[[nodiscard]] Objection transfer_atomic(Walk& walk, const Step& step);
[[nodiscard]] Objection transfer_packet_load(Walk& walk, const Step& step);
[[nodiscard]] Objection transfer_helper_call(Walk& walk, const Step& step);
[[nodiscard]] Objection transfer_subprogram_call(Walk& walk, const Step& step);
[[nodiscard]] Objection transfer_exit(Walk& walk, const Step& step);

/// What the program (or global function) returns is what its type asks for.
[[nodiscard]] Objection check_return(Walk& walk, const Step& step, const Register& r0);
/// The program ends without a result: r0 need not be there.
[[nodiscard]] bool returns_nothing(const Walk& walk) noexcept;
/// Another way on: the function at hand ends here and returns 0.
[[nodiscard]] Objection leave_early(Walk& walk, const Step& step);
/// The packet may have moved: what pointed into it is no pointer any more.
void forget_packet(Walk& walk);
/// Makes r1 to r5 (and r0) unreadable, as calls do.
void forget_caller_saved(State& state);

}  // namespace skep::verifier
