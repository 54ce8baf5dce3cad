// Names that the object expects its surroundings to define: kernel configuration, kernel symbols, kernel functions.
//
// They are the undefined symbols that BTF lists in the sections .kconfig and .ksyms, which ELF does not have; what BTF
// does not list is foreign: another object should have defined it, and only the application can answer. Each is read
// once, then answered: configuration becomes the contents of a map (kconfig.hpp), symbols and functions become ids in
// the target's types, numbers the application gave, or 0 when they are weak and nobody has them. What stays unanswered
// is a need of the programs that use it. Order and places are libbpf's.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "btf/core.hpp"
#include "loader/source.hpp"
#include "loader/surroundings.hpp"
#include "program/program.hpp"

namespace skep::loader {

class MapTable;

/// One name, and what is known of it.
struct Extern {
  std::string_view name;
  program::Need::Kind kind = program::Need::Kind::ksym;  ///< kconfig, ksym or kfunc
  bool weak = false;
  bool foreign = false;  ///< BTF does not declare it, so that linking with another object was meant to define it
  btf::TypeId type = 0;  ///< of the variable; the prototype of a function; 0 for `extern const void`

  bool found = false;                  ///< a value, an address or a type of the target answers it
  btf::TypeId target_id = 0;           ///< ksym, kfunc: its VAR or FUNC in the target's types; 0 when it has none
  std::uint64_t address = 0;           ///< ksym: what the application gave, or the kernel shows
  std::optional<std::uint32_t> place;  ///< kconfig: byte in the map; none for a type that no configuration has
  std::string problem;                 ///< why it has no answer, where that is not plain

  /// True when a program that uses it needs more than is known: a value, an address, the function itself.
  [[nodiscard]] bool unanswered() const noexcept {
    if (kind == program::Need::Kind::kfunc) return !weak;
    return !problem.empty() || target_id != 0 || (!found && !weak);
  }
};

class Externs {
 public:
  /// Reads the names. Errors: limit.
  [[nodiscard]] static Result<Externs> read(const Source& source);

  /// True when a symbol can only be answered by a target's types.
  [[nodiscard]] bool asks_target() const noexcept;
  /// Looks kernel symbols and functions up in `target`, null for none, then in its `modules`, and takes the addresses
  /// that `around` has.
  [[nodiscard]] Result<void> resolve_symbols(const btf::Btf* local, const btf::Btf* target,
                                             const btf::CoreTarget::Modules& modules, const Surroundings& around);
  /// Adds the map .kconfig when there are such variables, with the values that `around` has. Errors: a value of the
  /// application that does not fit its variable, a line of the configuration that is none, limit.
  [[nodiscard]] Result<void> make_kconfig(Source& source, const Surroundings& around, MapTable& maps);

  /// Index of an extern; nothing for a name that is no undefined symbol.
  [[nodiscard]] std::optional<std::uint32_t> find(std::string_view name) const;
  [[nodiscard]] const Extern& operator[](std::uint32_t index) const { return externs_[index]; }
  /// The map .kconfig, meaningful when an extern has a place in it.
  [[nodiscard]] std::uint32_t kconfig_map() const noexcept { return kconfig_map_; }

 private:
  void add_foreign(std::string_view name, bool weak);
  [[nodiscard]] Result<void> take_addresses(const Surroundings& around);
  void look_up_types(const btf::Btf& local, const btf::Btf& target, const btf::CoreTarget::Modules& modules);
  void take_kernel_addresses(const Surroundings& around);
  void add(const Source& source, std::string_view name, bool weak, const btf::Type& declared, bool kconfig);

  std::vector<Extern> externs_;  ///< configuration first, by place, then the others by name
  std::unordered_map<std::string_view, std::uint32_t> index_;
  std::uint32_t kconfig_map_ = 0;
};

}  // namespace skep::loader
