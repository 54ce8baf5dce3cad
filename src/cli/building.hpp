// How the command builds the programs it runs: as BuildOptions say, or proven first.
#pragma once

#include <skep/executable.hpp>
#include <skep/verify.hpp>

namespace skep::cli {

struct Building {
  BuildOptions options;
  bool verify = false;  ///< first; a refused program is not built
};

[[nodiscard]] inline Result<Executable> build(const Program& program, const Building& how) {
  if (!how.verify) return Executable::build(program, how.options);
  return skep::verify(program).verified().and_then(
      [&](const VerifiedProgram& proven) { return Executable::build(proven, how.options); });
}

}  // namespace skep::cli
