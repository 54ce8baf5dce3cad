// Where generated code and a run meet: what a backend delivers, and what its code may call.
//
// Generated code is entered by NativeCode::start and NativeCode::enter only, with the frame already pushed, and leaves
// by returning: with r0, or with Machine::ended set. What it cannot do inline it asks of a call-out. A call-out gets
// all registers in memory and may change them; afterwards the code loads them back and, when the run has ended, drops
// its native frames.
#pragma once

#include <cstdint>
#include <vector>

#include <skep/machine_code.hpp>

#include "lower/image.hpp"
#include "vm/machine.hpp"

namespace skep::vm {

/// The machine code of an image. Code that is entered clears its frame itself. Immutable and shared like the image that
/// owns it; frees its memory in the end.
struct NativeCode {
  /// Begins a run: the entry function, with r1 and r2 as given; other registers are 0 where no proof says that nobody
  /// looks at them. Returns r0. `machine` may be null for code that does not need a run.
  using Start = std::uint64_t (*)(Machine* machine, std::uint64_t r1, std::uint64_t r2);
  /// Runs from `code` (an element of `functions`) in the frame that the caller has just pushed, with r[0] to r[9] in
  /// their registers; returns r0.
  using Enter = std::uint64_t (*)(const Registers& r, const void* code, Machine& machine);

  virtual ~NativeCode() = default;

  Start start = nullptr;
  Enter enter = nullptr;               ///< null when nothing in it calls back
  bool needs_run = true;               ///< looks at the Machine; what does not brings its frame along
  std::vector<const void*> functions;  ///< the entries, in the order of Image::functions
  const void* interpret = nullptr;     ///< code that a tail call jumps to when the interpreter runs its target
  /// How deep its functions nest, callbacks included, where no call looks whether there is a frame left for it.
  unsigned frames = 1;
  bool metered = false;                ///< counts instructions
  bool uses_windows = true;            ///< has ops whose accesses are checked
  MachineCode code;                    ///< all of it
  /// Of metered code, by op: how many instructions of its block come after it, all paid for when the block began.
  std::vector<std::uint32_t> refunds;
};

/// `op` is the index of the op that asks; `address` of memory ops the effective address. The result is null but where
/// said otherwise.
using CallOut = const void* (*)(Machine& machine, std::uint64_t op, std::uint64_t address, Registers& r);

/// The call-outs. All have the signature CallOut and throw nothing.
struct CallOuts {
#define SKEP_CALL_OUT(name) \
  static const void* name(Machine& machine, std::uint64_t op, std::uint64_t address, Registers& r) noexcept

  // The slow halves of guarded ops, and of loads that may find a field of the structured context.
  SKEP_CALL_OUT(load);
  SKEP_CALL_OUT(store);
  SKEP_CALL_OUT(atomic);  ///< opens the window, or ends the run: the access itself follows
  SKEP_CALL_OUT(packet);

  // Calls.
  SKEP_CALL_OUT(helper);  ///< of whatever kind; r[0] is the result
  SKEP_CALL_OUT(
      call_register);  ///< native code of the function to be called; null: it was a helper and has been called
  SKEP_CALL_OUT(
      tail_call);  ///< where to jump once the frame is taken down as for exit; null when the call falls through
  SKEP_CALL_OUT(interpret);  ///< runs the current image from its entry in this frame; r[0] is the result
  SKEP_CALL_OUT(leave);  ///< a callee left windows on its frame or another image current; `address`: the caller's image

  /// The slice of the budget does not cover the block that begins with `op`. Returns when another slice is there;
  /// otherwise the interpreter runs what the budget covers, and the run has ended.
  SKEP_CALL_OUT(budget);

  // These end the run.
  SKEP_CALL_OUT(stop);      ///< somebody asked for it
  SKEP_CALL_OUT(too_deep);  ///< a call found no frame left
  SKEP_CALL_OUT(trap);      ///< a poisoned instruction
#undef SKEP_CALL_OUT

 private:
  static const void* settle(Machine& machine, std::uint64_t op) noexcept;
};

}  // namespace skep::vm
