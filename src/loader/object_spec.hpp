// What an object file says, as plain data: maps with their initial contents, programs, needs and notes.
//
// The loader reads hostile bytes into this value and makes nothing live; api/ turns it into an Object with live maps.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include <skep/error.hpp>
#include <skep/map.hpp>

#include "loader/surroundings.hpp"
#include "program/program.hpp"

namespace skep::btf {
class Btf;
}

namespace skep::loader {

/// A global variable inside a map of such.
struct GlobalVar {
  std::string name;
  std::uint32_t offset = 0;  ///< bytes; offset + bytes lies inside the value
  std::uint32_t bytes = 0;
  std::uint32_t btf_type = 0;  ///< in the object's BTF; 0 when unknown
  bool local = false;          ///< static or hidden: its name means it in this object only, skeletons leave it out
};

/// What a struct_ops map is beyond its MapSpec: a struct of the object whose members are functions for the kernel.
struct StructOps {
  /// A member that names a program.
  struct Member {
    std::string name;
    std::string program;
    std::uint32_t index = 0;          ///< among the members of the object's struct
    std::uint32_t offset = 0;         ///< bytes, in the object's struct
    std::uint32_t kernel_index = 0;   ///< among the members of the target's struct, where there is one
    std::uint32_t kernel_offset = 0;  ///< bytes, in kernel_value
  };
  /// Bytes of the object's struct that have a place in the target's.
  struct Copy {
    std::uint32_t offset = 0, kernel_offset = 0, bytes = 0;
  };
  std::string type_name;                ///< of the struct, without flavour: "tcp_congestion_ops"
  std::uint32_t declared_bytes = 0;     ///< of the object's struct, whose bytes are MapDef::contents
  std::vector<Member> members;          ///< by offset
  std::uint32_t kernel_type = 0;        ///< id of the struct in the target's types; 0 when it has none that fits
  std::uint32_t kernel_value_type = 0;  ///< id of the struct around it, "bpf_struct_ops_tcp_congestion_ops"
  std::vector<std::byte> kernel_value;  ///< the value for the kernel, functions left 0; empty when there is none
  std::vector<Copy> copies;             ///< what of it comes from the object's struct
  std::string problem;                  ///< why no value could be made for the map; empty when there is one
};

/// A map the object defines, by declaration or through its global variables.
struct MapDef {
  /// declared: .maps; legacy: the old maps section; kconfig: made of externs, without a section; struct_ops: a variable
  /// in .struct_ops
  enum class Origin { declared, legacy, rodata, data, bss, kconfig, struct_ops };
  MapSpec spec;
  Origin origin = Origin::declared;
  std::string section;  ///< the ELF section it comes from, ".rodata.str1.1"
  /// Element 0's whole value for rodata, data and kconfig, an arena's first bytes, the struct of struct_ops with its
  /// functions left 0; else empty: bss starts as zeroes.
  std::vector<std::byte> contents;
  std::vector<GlobalVar> variables;  ///< by offset, for rodata, data, bss, kconfig and arenas
  std::vector<std::string> slots;    ///< static initialisers by slot: program or map names; "" where empty
  bool autocreate = true;            ///< false: made only on demand, as a section name with '?' asks for
  std::uint32_t id = 0;              ///< of an old definition: a program array takes the sections "ID/SLOT"; 0 for none
  std::optional<StructOps> struct_ops;  ///< for maps of that origin
};

struct ObjectSpec {
  std::string name;                                               ///< of the file, without directories
  std::string license;                                            ///< empty when the object has none
  std::uint32_t kernel_version = 0;                               ///< from the `version` section
  std::vector<MapDef> maps;                                       ///< the table that the programs' instructions index
  std::vector<std::shared_ptr<const program::Program>> programs;  ///< in section order, then by address
  std::shared_ptr<const btf::Btf> btf;                            ///< null when the object has no .BTF
  std::vector<std::string> notes;                                 ///< what was assumed while opening, one sentence each
};

/// Gives the types that CO-RE relocations, kernel symbols and functions are looked up in; null when there are none.
/// Asked at most once for an object, and only when it has such. Its error becomes the object's.
using TargetTypes = std::function<Result<std::shared_ptr<const btf::Btf>>()>;

/// Reads a 64-bit little-endian BPF object. The result owns all it holds; `bytes` may go away afterwards.
/// Errors: malformed (where and what), unsupported (big-endian, 32-bit, not BPF, a relocation nobody defines).
/// Without target types, what CO-RE asks for becomes needs of the programs; so do externs that `around` has no answer
/// for, unless they are weak.
/// Bounded: time and memory are at most proportional to the input's size and the target's; resolving takes at most
/// btf::kMaxCoreSteps, past which relocations become needs.
[[nodiscard]] Result<ObjectSpec> parse_object(std::span<const std::byte> bytes, std::string name,
                                              const TargetTypes& target_types = {}, const Surroundings& around = {});

}  // namespace skep::loader
