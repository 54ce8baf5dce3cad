// The object's functions: where they lie, and which of them are programs.
//
// A function is a symbol in an executable section. Instructions are counted in slots from the section's start. Sections
// and functions keep ELF order and address order, which is the order of the object's programs.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "base/bytes.hpp"
#include "loader/source.hpp"

namespace skep::loader {

struct Function {
  std::string_view name;
  std::uint32_t section = 0;  ///< index into Code::sections
  std::uint32_t start = 0;    ///< first slot, in its section
  std::uint32_t count = 0;    ///< slots, at least 1
  bool local = false;         ///< a static function
  bool hidden = false;        ///< a global one that other objects do not see
};

struct CodeSection {
  std::uint32_t index = 0;  ///< of the ELF section
  std::string_view name;
  Bytes data;                        ///< whole slots
  std::uint32_t first_function = 0;  ///< its functions are functions[first_function, end_function), by start
  std::uint32_t end_function = 0;
};

struct Code {
  std::vector<CodeSection> sections;
  std::vector<Function> functions;

  /// The code section made from ELF section `index`, null when that one holds no functions.
  [[nodiscard]] const CodeSection* section_of(std::uint32_t index) const noexcept;
  /// The function that starts at a slot of a section; null when none does.
  [[nodiscard]] const Function* function_at(const CodeSection& section, std::int64_t slot) const noexcept;
  /// The function that holds a slot of a section; null when none does.
  [[nodiscard]] const Function* function_with(const CodeSection& section, std::uint64_t slot) const noexcept;
};

/// Finds all functions. Errors name the section and the symbol.
[[nodiscard]] Result<Code> read_code(Source& source);

}  // namespace skep::loader
