// Program + live maps + helpers → Image. The only way to make something that an engine runs.
#pragma once

#include <memory>
#include <span>
#include <vector>

#include <skep/error.hpp>
#include <skep/helper.hpp>
#include <skep/host.hpp>

#include "lower/image.hpp"
#include "verifier/facts.hpp"

namespace skep::lower {

struct Inputs {
  std::shared_ptr<const program::Program> program;
  std::vector<std::shared_ptr<maps::MapStorage>> maps;  ///< what the program's map indices name
  std::shared_ptr<Host> host;
  std::vector<HelperSpec> app_helpers;
  std::vector<HelperSpec> app_kfuncs;  ///< found by name
  bool guarded = true;                 ///< false: ops are not checked, but for what `facts` leaves open
  /// What was proven of the program; null: nothing. With `guarded` all is checked all the same, and an image that
  /// faults shows a bug of the verifier.
  std::shared_ptr<const verifier::Facts> facts;
};

/// The guarded, the proven, or (neither) the unchecked road. Errors say which instruction and what it asked for: a need
/// of the object that is not met, a kernel function that the application does not give, a helper that is unknown, not
/// implemented or not allowed for the program's type, a map index out of range, a write to r10.
[[nodiscard]] Result<std::shared_ptr<Image>> lower(Inputs inputs);

/// A helper that a register call names at run time; null when it is unknown, has no code, or `type` may not call it.
/// `scratch` receives the binding.
[[nodiscard]] const Binding* bind_at_run_time(const Image& image, std::uint64_t id, Binding& scratch) noexcept;

}  // namespace skep::lower
