// Image → machine code.
#pragma once

#include <memory>

#include <skep/error.hpp>

#include "lower/image.hpp"
#include "vm/native.hpp"

namespace skep::jit {

struct Options {
  bool metered = false;     ///< count instructions, exactly: such code runs within a budget
  bool long_jumps = false;  ///< estimate no distances: for when an estimate was too low
  /// Look at every back edge and call whether the run is asked to stop; metered code does so anyway.
  bool polls = false;
  bool keep_map = false;     ///< note what each instruction became: MachineCode::parts
  bool sealed = true;        ///< code that nobody can make writable again, not even a debugger
  bool blind = false;        ///< numbers that the program chose are not in its code: see blind.hpp
  bool random_start = true;  ///< code begins where nobody can tell beforehand
};

/// There is a backend for this machine.
[[nodiscard]] bool available() noexcept;

/// Compiles all functions of `image`, in time linear in their length. The code holds addresses of the image's ops,
/// functions, bindings and of its helpers: it must not outlive them, so the image is what should own it. Errors:
/// unsupported without a backend; limit when the system gives no executable memory.
[[nodiscard]] Result<std::shared_ptr<const vm::NativeCode>> compile(const lower::Image& image, const Options& options);

}  // namespace skep::jit
