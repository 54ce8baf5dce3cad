// What libbpf says of an object, out of the witness's report.
//
// A line is fields between tabs; numbers are decimal:
//   refused  stage  message                              libbpf does not open the object
//   map      name type key value max flags numa extra key_type value_type pin     one a map, in libbpf's order, as
//   opened inner    likewise                                    what the map before holds program  name section type
//   attach_type autoload      as opened load     name round type attach_type flags attach_id license instructions as
//   handed to the kernel, in hex failed   name message                                libbpf does not relocate the
//   program, even alone value    name value                                  of a struct_ops map, once the kernel's
//   struct is known note     message                                     why the object could not be loaded as it is
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <skep/insn.hpp>
#include <skep/map.hpp>

namespace skep::referee {

struct TheirMap {
  MapSpec spec;
  std::uint32_t numa_node = 0;
  std::string pin_path;
};

struct TheirProgram {
  std::string name, section;
  std::uint32_t type = 0, attach_type = 0;
  bool autoload = true;
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
