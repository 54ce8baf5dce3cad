// The one failure channel: every operation of skep that can fail returns Result<T>.
//
// An Error says where and what, in one line, and carries a stable code that programs can branch on. Failures that Linux
// would report through bpf(2) also carry the errno Linux uses. A program that the verifier rejects is a Verdict and a run
// that breaks a rule ends in a Fault; neither is an Error.
#pragma once

#include <string>
#include <utility>

#include <tl/expected.hpp>

namespace skep {

/// What kind of failure an Error reports. Values are stable; wording of messages is not.
enum class ErrorCode {
  io,           ///< the operating system refused (file, descriptor, memory); `sys` holds its errno
  malformed,    ///< input bytes break their format
  unsupported,  ///< well-formed, but skep does not do it (yet); the message names the thing
  invalid,      ///< an argument is outside what its documentation allows
  not_found,    ///< no such program, map, key, helper or symbol
  exists,       ///< the thing is there already
  limit,        ///< a stated limit would be passed
  refused,      ///< the verifier does not accept the program
};

/// One failure. Copyable, self-contained, safe to move between threads.
struct Error {
  ErrorCode code = ErrorCode::invalid;
  std::string where;  ///< the thing at fault: "elf: section .maps", "insn 14", "map drops"
  std::string what;   ///< what was seen and what was needed, lower case, no full stop
  int sys = 0;        ///< errno (positive) where Linux defines one for this failure, otherwise 0

  /// "where: what", the form in which skep prints errors.
  [[nodiscard]] std::string message() const { return where.empty() ? what : where + ": " + what; }
};

/// A value or the Error that kept it from being made.
template <class T>
using Result = tl::expected<T, Error>;

/// Builds the failing branch of a Result: `return fail(ErrorCode::malformed, "elf", "file ends after 12 bytes");`
[[nodiscard]] inline tl::unexpected<Error> fail(ErrorCode code, std::string where, std::string what, int sys = 0) {
  return tl::unexpected<Error>(Error{code, std::move(where), std::move(what), sys});
}

/// Hands an Error on from one Result type to another: `if (!x) return fail(std::move(x).error());`
[[nodiscard]] inline tl::unexpected<Error> fail(Error error) { return tl::unexpected<Error>(std::move(error)); }

}  // namespace skep
