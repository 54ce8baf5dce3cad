// How the command ends. The numbers are part of its interface; docs/command.md lists them.
#pragma once

#include <string_view>

#include <skep/error.hpp>

namespace skep::cli {

enum ExitCode : int {
  exit_ok = 0,
  exit_refused = 1,  ///< the program or object was refused, or a check failed
  exit_usage = 2,    ///< the command line asks for what there is not
  exit_fault = 3,    ///< a run broke a rule
  exit_input = 4,    ///< a file could not be read or written, or is not what it should be
};

/// The code that stands for an Error met while reading or preparing something.
[[nodiscard]] ExitCode exit_code(const Error& error) noexcept;

/// Says why on standard error ("skep: message") and returns the code.
int give_up(ExitCode code, std::string_view message);
int give_up(const Error& error);

}  // namespace skep::cli
