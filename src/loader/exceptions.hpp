// Exception callbacks: functions that a program names by a declaration tag and never calls.
//
// bpf_throw() ends a program with the value of its callback, a global function of .text. The tag
// "exception_callback:NAME" on the program's function says which one; the verifier looks for it in the program, so it
// is appended like a subprogram. Source: Linux Documentation/bpf/ and the rules of libbpf.
#pragma once

#include <string>
#include <string_view>
#include <unordered_map>

#include "loader/code.hpp"

namespace skep::loader {

class ExceptionCallbacks {
 public:
  /// What a program's tags say.
  struct Choice {
    const Function* function = nullptr;  ///< null: the program has none, or more than one, or `problem` says why
    std::string problem;
  };

  /// `code` outlives the result.
  [[nodiscard]] static ExceptionCallbacks read(const Source& source, const Code& code);
  [[nodiscard]] Choice of(std::string_view program) const;

 private:
  struct Tag {
    std::string_view callback;
    bool several = false;
  };
  std::unordered_map<std::string_view, Tag> tags_;                     ///< by program
  std::unordered_map<std::string_view, const Function*> subprograms_;  ///< of .text; the first of each name
};

}  // namespace skep::loader
