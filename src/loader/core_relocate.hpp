// CO-RE applied to code: asks a target's types what each recorded instruction must hold, and writes that into it.
//
// Done once for the object's sections, before programs are linked out of them, so that the work does not depend on how
// many programs take a function. What finds nothing in the target becomes a poisoned instruction, which only a run that
// meets it minds; what cannot be answered at all becomes a need of the programs that hold it. Without target types all
// records are needs, but for those that ask about the object itself.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "btf/core.hpp"
#include "loader/code.hpp"

namespace skep::loader {

/// What relocation leaves to be told of an instruction.
struct CoreMark {
  std::uint32_t slot = 0;  ///< in its section
  bool poisoned = false;   ///< else it needs what `what` names
  std::string what;        ///< "task_struct::pid (byte_off)", with the reason where there is one
};

struct CoreMarks {
  std::vector<std::vector<CoreMark>> by_section;     ///< as in Code::sections, each sorted by slot
  std::vector<std::vector<std::byte>> instructions;  ///< likewise: the relocated bytes, empty where nothing changed
};

/// Applies the object's records against the types of `target`, null for none, and of its `modules`. The sections of
/// `code` then show the relocated bytes, which the result owns. Errors: limit, when the marks' text grows past 16 MiB.
[[nodiscard]] Result<CoreMarks> relocate_core(const Source& source, const btf::Btf* target, Code& code,
                                              btf::CoreTarget::Modules modules = {});

/// The marks of slots [first, first + count), out of one section's.
[[nodiscard]] std::span<const CoreMark> marks_in(const std::vector<CoreMark>& marks, std::uint32_t first,
                                                 std::uint32_t count);

/// "task_struct::pid (byte_off)": the type, the path to what is asked for, and the question. At most 300 bytes.
[[nodiscard]] std::string name_of_core_relocation(const btf::Btf& btf, const btf::CoreReloc& reloc);

}  // namespace skep::loader
