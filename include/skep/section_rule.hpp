// What a section's name says of the programs in it, where libbpf's rules say nothing.
#pragma once

#include <cstdint>
#include <string>

#include <skep/types.hpp>

namespace skep {

/// A rule of the application's own, like libbpf_register_prog_handler(). Plain data.
struct SectionRule {
  /// "acme": this section alone; "acme+": this one, and "acme/…"; "acme/": what starts so; empty: every section that no
  /// other rule knows. A '?' in front of a section's name is not part of it.
  std::string name;
  ProgType type = ProgType::unspec;
  std::uint32_t attach_type = 0;  ///< enum bpf_attach_type, 0 where the type has none
  bool sleepable = false;
};

}  // namespace skep
