// What libbpf says of an object, out of the witness's report.
//
// A line is fields between tabs, numbers are decimal. The first field says what the line is about:
//  - refused STAGE MESSAGE: libbpf does not open the object
//  - map NAME TYPE KEY VALUE MAX FLAGS NUMA EXTRA KEY_TYPE VALUE_TYPE PIN: each map as opened, in libbpf's order
//  - inner …: likewise, what the map before holds
//  - contents DIGEST: of the map before, one of global variables; FNV-1a of its bytes as opened
//  - program NAME SECTION TYPE ATTACH_TYPE AUTOLOAD: each program as opened
//  - value NAME VALUE: of a struct_ops map, once the kernel's struct is known
//  - autoload NAME AUTOLOAD: of a struct_ops program, once its maps are
//  - load NAME ROUND TYPE ATTACH_TYPE FLAGS ATTACH_ID LICENSE INSTRUCTIONS: as handed to the kernel, in hex; maps are
//    named by their number, and another number in such a place has kNoMap set
//  - failed NAME MESSAGE: libbpf does not relocate the program, even alone
//  - note MESSAGE: why the object could not be loaded as it is
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <skep/insn.hpp>
#include <skep/map.hpp>

namespace skep::referee {

inline constexpr std::int32_t kNoMap = 0x40000000;

struct TheirMap {
  MapSpec spec;
  std::string pin_path, contents;
  bool bound = true;  ///< false for a struct_ops map whose struct in the kernel libbpf did not come to look up
};

struct TheirProgram {
  std::string name, section;
  std::uint32_t type = 0, attach_type = 0;
  bool autoload = true;
  bool bound = true;              ///< likewise for a struct_ops program
  bool loaded = false;            ///< handed over; else libbpf refuses it, see `message`
  bool by_its_own_rules = false;  ///< loaded as its section says: flags and attach_id mean something
  std::uint32_t flags = 0, attach_id = 0;
  std::string license;
  std::vector<Insn> insns;  ///< maps by their index
  std::string message;
};

struct Testimony {
  std::optional<std::string> refused;
  std::string note;
  std::vector<TheirMap> maps;
  std::vector<TheirProgram> programs;
};

[[nodiscard]] Testimony parse_testimony(std::string_view report);

}  // namespace skep::referee
