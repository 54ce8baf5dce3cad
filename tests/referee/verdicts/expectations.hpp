// What the kernel's selftests expect of their programs, out of the declaration tags in their BTF.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "btf/btf.hpp"

namespace skep::referee {

/// One user's view: whoever may do everything, or a user without capabilities.
struct Expectation {
  std::optional<bool> accepted;       ///< nothing: the suite does not say
  std::optional<std::string> result;  ///< of a test run, as the suite spells it
};

struct Expectations {
  Expectation privileged, unprivileged;
  std::optional<std::string> flags;  ///< __test_prog_flags, as the suite numbers or names them
  bool auxiliary = false;            ///< only there for others: not judged by itself

  [[nodiscard]] const Expectation& of(bool privileged_user) const noexcept {
    return privileged_user ? privileged : unprivileged;
  }
};

/// By name of the function. Source: the suite's bpf_misc.h and test_loader.c; a missing unprivileged word is the
/// privileged one, where the program says anything of unprivileged users at all.
[[nodiscard]] std::map<std::string, Expectations, std::less<>> read_expectations(const btf::Btf& types);

}  // namespace skep::referee
