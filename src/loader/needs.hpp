// What BTF.ext says about instructions: source lines, and CO-RE relocations, which become needs until something
// resolves them.
//
// Records are sorted once and then copied function by function. Texts are cut and their sum is bounded, because records
// of 16 bytes may all name the same long string.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "loader/code.hpp"
#include "program/program.hpp"

namespace skep::loader {

class Annotations {
 public:
  explicit Annotations(Source& source);
  /// Appends the lines and the CO-RE needs of `function`, whose first slot has become `pc` of the program. Lines past
  /// the limit are left out with a note; needs past it are an error, for a program must not look complete when it is
  /// not.
  [[nodiscard]] Result<void> append(const CodeSection& section, const Function& function, std::uint32_t pc,
                                    program::Program& program);
  /// Appends one need.
  [[nodiscard]] Result<void> need(program::Need need, program::Program& program);

 private:
  template <class Record>
  using BySection = std::unordered_map<std::string_view, std::vector<const Record*>>;

  void append_lines(const std::vector<const btf::LineInfo*>& lines, const Function& function, std::uint32_t pc,
                    program::Program& program);

  Source& source_;
  BySection<btf::LineInfo> lines_;
  BySection<btf::CoreReloc> relocs_;
  std::size_t line_bytes_ = 0;
  std::size_t need_bytes_ = 0;
};

/// "task_struct::pid (byte_off)": the type, the path to what is asked for, and the question. At most 300 bytes.
[[nodiscard]] std::string name_of_core_relocation(const btf::Btf& btf, const btf::CoreReloc& reloc);

}  // namespace skep::loader
