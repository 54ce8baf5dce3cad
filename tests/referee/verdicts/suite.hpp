// The kernel's selftests as the referee's cache holds them, object by object, and how the suite asks for a verdict.
//
// The cache is the folder that SKEP_REFEREE_CACHE names; scripts/referee-objects makes it. Without it there is no
// suite.
#pragma once

#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "loader/object_spec.hpp"
#include "referee/verdicts/expectations.hpp"
#include "verifier/input.hpp"

namespace skep::referee {

/// Who loads a program.
enum class User : std::uint8_t { privileged, unprivileged };

/// One object, opened; `input` gives views of it.
struct SuiteObject {
  std::string name;  ///< "verifier_and.bpf.o"
  loader::ObjectSpec spec;
  std::vector<verifier::MapInfo> maps;
  std::map<std::string, Expectations, std::less<>> expectations;
  const btf::Btf* kernel_types = nullptr;

  /// What the suite asks of the verifier for a program of this object.
  [[nodiscard]] verifier::Input input(const program::Program& program, const Expectations& expected, User user) const;
};

/// The program's maps as the verifier sees them: views of `object`.
[[nodiscard]] std::vector<verifier::MapInfo> map_infos(const loader::ObjectSpec& object);

class Suite {
 public:
  /// Nothing, and a visible SKIP, without a cache.
  [[nodiscard]] static std::optional<Suite> open();
  /// Every object that opens and has BTF, by name; SKEP_REFEREE_ONLY, part of a name, leaves the others out.
  void for_each(const std::function<void(const SuiteObject&)>& visit) const;

  [[nodiscard]] const std::filesystem::path& folder() const noexcept { return folder_; }
  [[nodiscard]] const std::shared_ptr<const btf::Btf>& kernel_types() const noexcept { return types_; }
  /// True when nothing is left out.
  [[nodiscard]] bool whole() const noexcept { return only_.empty(); }

 private:
  std::filesystem::path folder_;
  std::string only_;
  std::shared_ptr<const btf::Btf> types_;
};

}  // namespace skep::referee
