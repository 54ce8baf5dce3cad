// The machine code of one program for `skep dis --jit`: builds it, and prints the code of any instruction.
#pragma once

#include <cstdint>
#include <string>

#include <skep/executable.hpp>
#include <skep/machine_code.hpp>

#include "cli/terminal.hpp"
#include "cli/verbs.hpp"

namespace skep::cli {

class NativeListing {
 public:
  /// Builds `program` as `options` ask. Errors: refused, and those of Executable::build.
  [[nodiscard]] static Result<NativeListing> make(const Program& program, const DisOptions& options,
                                                  const Paint& paint);

  /// How it was built, and how much code there is: lines for a heading.
  void print_heading() const;
  void print_entry() const;
  /// What stands in line for instruction `pc`; its function's prologue, when it is a function's first.
  void print_prologue(std::uint32_t pc) const;
  void print_insn(std::uint32_t pc) const;
  /// Detours, and what they share.
  void print_rest() const;

 private:
  using Role = MachineCode::Role;

  NativeListing(Executable executable, std::string how, const DisOptions& options, const Paint& paint)
      : executable_(std::move(executable)), how_(std::move(how)), options_(options), paint_(paint) {}

  [[nodiscard]] const MachineCode& code() const noexcept { return *executable_.machine_code(); }
  void print_parts(Role role, std::uint32_t pc) const;
  void print_part(std::size_t index) const;
  [[nodiscard]] std::size_t end_of(std::size_t index) const;
  /// "insn 12", "detour of insn 12": what lies at an offset.
  [[nodiscard]] std::string place_name(std::uint64_t offset) const;

  Executable executable_;
  std::string how_;
  const DisOptions& options_;
  Paint paint_;
};

}  // namespace skep::cli
