// The symbols of the result: local ones as they were, global ones resolved to one for each name.
//
// Of several definitions the strong one counts, else the first; declarations count only while there is no definition.
// Binding and visibility of all of them add up: one strong makes it strong, one hidden makes it hidden.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "linker/input.hpp"
#include "linker/sections.hpp"

namespace skep::linker {

/// A name that inputs share, and what is known of the symbol that counts.
struct Global {
  std::string_view name;
  std::size_t input = 0;
  std::uint32_t symbol = 0;  ///< in that input's file
  Input::Declared declared;  ///< in that input's BTF; 0 when it is not described
  bool defined = false;
  bool weak = false;              ///< the symbol that counts is weak
  std::uint8_t binding = 0;       ///< of the result
  std::uint8_t visibility = 0;    ///< likewise
  std::uint64_t value = 0;        ///< byte offset in the result's section, of a definition
  std::uint32_t out_section = 0;  ///< Symbol::section of the result
};

/// A symbol of an input that stands for a global.
struct Occurrence {
  std::size_t input = 0;
  std::uint32_t symbol = 0;
  std::uint32_t global = 0;
  btf::TypeId type = 0;  ///< its declaration in the input's BTF; 0 when it is not described
};

struct Symbols {
  static constexpr std::uint32_t kGone = 0xffffffff;
  std::vector<elf::Symbol> table;                   ///< of the result; local ones first
  std::vector<std::vector<std::uint32_t>> indexes;  ///< by input and symbol: its index in `table`; kGone: left out
  std::vector<Global> globals;
  std::vector<Occurrence> occurrences;
};

/// Errors: invalid, naming both inputs, where definitions collide or declarations disagree.
[[nodiscard]] Result<Symbols> resolve(std::span<const Input> inputs, std::span<const OutSection> sections);

/// Symbol::section of an output section.
[[nodiscard]] inline std::uint32_t elf_index(std::uint32_t section) { return section + 1; }

}  // namespace skep::linker
