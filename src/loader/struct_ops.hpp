// struct_ops maps: variables in .struct_ops whose members are functions that a kernel is to call.
//
// Reading an object gives each variable a map and says which program is in which member; binding then looks the
// kernel's own struct up, lays the value out as that struct has it, and tells the programs what they attach to. What
// does not fit leaves the object as it is and becomes a need of the programs. Rules and order are libbpf's.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "loader/code.hpp"
#include "loader/maps.hpp"

namespace skep::loader {

class StructOpsMaps {
 public:
  /// Adds a map for each variable. Errors: malformed (a section that BTF does not describe, a member that is no
  /// function, a function that is no struct_ops program), limit.
  [[nodiscard]] static Result<StructOpsMaps> read(Source& source, const Code& code, MapTable& maps);

  [[nodiscard]] bool empty() const noexcept { return slots_.empty() && maps_.empty(); }

  /// Fits the maps to the structs of `target`, null for none, and tells struct_ops programs their place: member, type,
  /// whether they are loaded, and what is missing.
  void bind(const btf::Btf* local, const btf::Btf* target, MapTable& maps,
            std::vector<std::shared_ptr<const program::Program>>& programs) const;

 private:
  /// A function in a member of a map.
  struct Slot {
    std::uint32_t map = 0;
    std::uint32_t member = 0;  ///< in StructOps::members
    std::string_view section;  ///< of the function
  };

  /// Where a map's variable lies in its section.
  struct Place {
    std::uint64_t offset = 0;
    std::uint32_t map = 0;
  };

  [[nodiscard]] Result<void> read_section(Source& source, const elf::Section& section, const Code& code,
                                          MapTable& maps);
  [[nodiscard]] Result<void> read_members(const Source& source, const elf::Section& section, const Code& code,
                                          const std::vector<Place>& places, MapTable& maps);

  std::vector<std::uint32_t> maps_;
  std::vector<Slot> slots_;
};

}  // namespace skep::loader
