// From functions to programs: an entry function, the subprograms it reaches behind it, all fixups applied.
//
// Subprograms follow in the order in which libbpf appends them: each when the first instruction that needs it is met,
// and its own subprograms before those of the rest of its caller; an exception callback comes last. Each program that
// comes out decodes (isa::check) or says why not (Program::defect).
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "loader/code.hpp"
#include "loader/exceptions.hpp"
#include "loader/needs.hpp"
#include "loader/relocate.hpp"

namespace skep::loader {

/// What linking reads. All of it outlives the call.
struct LinkInput {
  const Code& code;
  const Fixups& fixups;
  const Externs& externs;
  const ExceptionCallbacks& callbacks;
  Annotations& annotations;
};

class Linker {
 public:
  explicit Linker(const LinkInput& in);

  /// Fills in insns, subprogs, lines, needs and kfuncs of a program whose entry is `entry`. Errors: where is "program
  /// NAME".
  [[nodiscard]] Result<void> link(const Function& entry, program::Program& program);

 private:
  /// A function of the program whose instructions are being gone through.
  struct Frame {
    const Function* function = nullptr;
    const CodeSection* section = nullptr;
    std::uint32_t pc = 0;           ///< of its first slot, in the program
    std::uint32_t next = 0;         ///< the slot to look at next, counted from its first
    std::span<const Fixup> fixups;  ///< those from `next` on
  };

  [[nodiscard]] Result<std::uint32_t> place(const Function& function);
  [[nodiscard]] Result<void> walk_all();
  [[nodiscard]] Result<void> walk(Frame& frame);
  [[nodiscard]] const Function* callee(const Frame& frame, std::uint32_t slot, const Insn& insn);
  [[nodiscard]] Result<const Function*> apply(const Frame& frame, Insn* insn, const Fixup& fixup);
  [[nodiscard]] Result<void> apply_extern(const Frame& frame, Insn* insn, const Fixup& fixup);
  void defect(std::string what);

  const LinkInput in_;
  program::Program* program_ = nullptr;  ///< the one being linked
  std::vector<Frame> stack_;
  std::vector<std::uint32_t> placed_at_;  ///< by function: its pc in the program numbered in placed_in_
  std::vector<std::uint32_t> placed_in_;  ///< by function: the last program that took it
  std::uint32_t serial_ = 0;
  std::size_t total_insns_ = 0;
};

}  // namespace skep::loader
