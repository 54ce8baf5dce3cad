// skep's object beside libbpf's: what differs, and a word for the cause.
//
// Three things are made equal before the comparison, because the loaders name them differently, and nothing else:
//  - Maps in instructions: libbpf has descriptors there, skep the map's place in the object. They are compared by the
//    map's name.
//  - Names of maps of global variables: libbpf puts the object's name in front ("witness.bss"), and cuts those of
//    sections .bss.NAME to the kernel's 15 bytes.
//  - Sections of programs: libbpf drops the "?" of those that are not loaded by themselves.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "loader/object_spec.hpp"
#include "referee/objects/testimony.hpp"

namespace skep::btf {
class Btf;
}

namespace skep::referee {

struct Difference {
  std::string cause;    ///< a few words, the same for all of a kind
  std::string subject;  ///< program or map
  std::string detail;
};

struct Comparison {
  std::size_t equal = 0;      ///< programs
  std::size_t different = 0;  ///< programs
  std::size_t refused = 0;    ///< programs that libbpf relocates and skep does not
  std::size_t theirs = 0;     ///< programs that libbpf refuses and skep has
  std::size_t neither = 0;    ///< programs that both refuse
  std::size_t maps_equal = 0, maps_different = 0;
  std::vector<Difference> differences;  ///< of programs, at most one each
  std::vector<Difference> map_differences;
};

/// `types` are the kernel types that both used.
[[nodiscard]] Comparison compare(const loader::ObjectSpec& ours, const Testimony& theirs, const btf::Btf& types);

}  // namespace skep::referee
