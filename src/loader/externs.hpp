// Names that the object expects its surroundings to define: kernel configuration, kernel symbols, kernel functions.
//
// BTF says which is which: it lists them in the sections .kconfig and .ksyms, which ELF does not have.
#pragma once

#include <string_view>
#include <unordered_map>

#include "loader/source.hpp"
#include "program/program.hpp"

namespace skep::loader {

class Externs {
 public:
  explicit Externs(const btf::Btf* btf);
  /// What an undefined symbol asks for; null when BTF does not declare it.
  [[nodiscard]] const program::Need::Kind* find(std::string_view name) const noexcept;

 private:
  std::unordered_map<std::string_view, program::Need::Kind> kinds_;
};

}  // namespace skep::loader
