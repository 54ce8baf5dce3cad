// What is known of instructions beside themselves: source lines out of BTF.ext, and what CO-RE left unresolved.
//
// Lines are sorted once and then copied function by function, as marks are. Texts are cut and their sum is bounded,
// because records of 16 bytes may all name the same long string.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "loader/code.hpp"
#include "loader/core_relocate.hpp"
#include "program/program.hpp"

namespace skep::loader {

class Annotations {
 public:
  Annotations(Source& source, const CoreMarks& marks);
  /// Appends the lines, CO-RE needs and poisons of `function`, whose first slot has become `pc` of the program. Lines
  /// past the limit are left out with a note; needs past it are an error, for a program must not look complete when it
  /// is not.
  [[nodiscard]] Result<void> append(const CodeSection& section, const Function& function, std::uint32_t pc,
                                    program::Program& program);
  /// Appends one need.
  [[nodiscard]] Result<void> need(program::Need need, program::Program& program);
  /// Appends one use of a kernel function.
  [[nodiscard]] Result<void> kfunc(program::KfuncUse use, program::Program& program);

 private:
  /// Where the records of a section lie, by instruction.
  using Places = std::vector<const std::byte*>;

  void append_lines(const Places& lines, const Function& function, std::uint32_t pc, program::Program& program);

  /// Counts what the programs keep of needs, poisons and uses of kernel functions.
  [[nodiscard]] Result<void> count(std::size_t bytes, const program::Program& program);

  Source& source_;
  const CoreMarks& marks_;
  std::unordered_map<std::string_view, Places> lines_;
  std::size_t line_bytes_ = 0;
  std::size_t need_bytes_ = 0;
};

}  // namespace skep::loader
