// Errors to exit codes: a file's fault is 4, a wrong name 2, everything that skep will not do 1.
#include "cli/exit_code.hpp"

#include <cstdio>

#include <fmt/format.h>

namespace skep::cli {

ExitCode exit_code(const Error& error) noexcept {
  switch (error.code) {
    case ErrorCode::io:
    case ErrorCode::malformed:
      return exit_input;
    case ErrorCode::not_found:
      return exit_usage;
    case ErrorCode::unsupported:
    case ErrorCode::invalid:
    case ErrorCode::exists:
    case ErrorCode::refused:
    case ErrorCode::limit:
      return exit_refused;
  }
  return exit_refused;
}

int give_up(ExitCode code, std::string_view message) {
  std::fflush(stdout);  // what was said before the trouble comes before it
  fmt::print(stderr, "skep: {}\n", message);
  return code;
}

int give_up(const Error& error) { return give_up(exit_code(error), error.message()); }

}  // namespace skep::cli
