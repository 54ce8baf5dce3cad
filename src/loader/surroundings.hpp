// What stands around an object and may answer its externs. The loader asks; it looks for nothing itself.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include <skep/error.hpp>
#include <skep/extern_value.hpp>
#include <skep/section_rule.hpp>

namespace skep::btf {
class Btf;
}

namespace skep::loader {

using Types = std::shared_ptr<const btf::Btf>;

inline constexpr std::size_t kMaxKconfigTextBytes = 16u
                                                    << 20;  ///< of a configuration file; a distribution's has 0.3 MB

/// A kernel's configuration as its build leaves it: lines of CONFIG_NAME=value.
struct KconfigText {
  std::string name;  ///< of the file, for messages
  std::string text;
};

/// Takes one symbol of a kernel: its name, its type as nm(1) writes it, its address.
using SeeSymbol = std::function<void(std::string_view name, char type, std::uint64_t address)>;

struct Surroundings {
  std::vector<SectionRule> sections;  ///< asked in this order for names that libbpf's rules do not know
  std::map<std::string, ExternValue, std::less<>> values;  ///< by extern; names that no object asks for are not minded
  /// Asked at most once for an object, and only when `values` lacks a CONFIG_ variable that it has. Its error becomes
  /// the object's. Null: there is no configuration.
  std::function<Result<KconfigText>()> kconfig;
  /// Types of modules, which stand on the kernel's. Asked at most once for an object, and only for what the kernel's
  /// types lack. Its error leaves unanswered what was asked. Null: there are no modules.
  std::function<Result<std::vector<Types>>(const Types& kernel)> module_types;
  /// Shows all symbols of the kernel. Asked at most once for an object, and only when it has symbols without a type
  /// that `values` lacks. Its error leaves them unanswered. Null: nothing is known of any.
  std::function<Result<void>(const SeeSymbol& see)> symbols;
};

}  // namespace skep::loader
