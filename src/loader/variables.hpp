// Where the global variables of an object lie: symbols say the place, BTF says the type.
//
// Compilers leave the offsets of global variables in BTF to the loader (they are 0 there), so the symbol table decides;
// BTF's offset counts only for a static variable without a symbol of its name.
#pragma once

#include <cstdint>
#include <unordered_map>
#include <vector>

#include "loader/object_spec.hpp"
#include "loader/source.hpp"

namespace skep::loader {

/// The data symbols of each section, looked at once. Points into the Source.
class VariableSymbols {
 public:
  explicit VariableSymbols(const elf::File& file);

  /// The variables of a section, by offset; those outside it are left out. `datasec` is the section's type in `btf`, 0
  /// when it has none; a symbol that BTF does not know is a variable of type 0.
  [[nodiscard]] std::vector<GlobalVar> variables(const elf::Section& section, const btf::Btf* btf,
                                                 std::uint32_t datasec) const;

 private:
  std::unordered_map<std::uint32_t, std::vector<const elf::Symbol*>> symbols_;
};

}  // namespace skep::loader
