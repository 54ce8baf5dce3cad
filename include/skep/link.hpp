// Static linking: several BPF objects into one, as `bpftool gen object` does.
//
// Sections of one name are laid end to end; a declaration in one object finds its definition in another; types are
// merged and duplicates among them dropped. The result is a relocatable object like those that went in, and may be
// linked again.
#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <vector>

#include <skep/error.hpp>

namespace skep {

/// An object to link. Its bytes must outlive the call.
struct LinkInput {
  std::span<const std::byte> bytes;
  std::string name;  ///< what messages call it, usually the file's name
};

/// Links objects into one, in the order given: where several definitions may stand, all but one of them weak, the
/// strong one wins, else the first. What stays undefined is left to whoever links or loads the result.
///
/// Debug information (DWARF) is left out. Objects without BTF are linked, too; then nothing is known of their types.
/// Errors name the inputs at fault: malformed, unsupported (not a BPF object, a kind of section or relocation that
/// nobody defines), invalid (two strong definitions; declarations, map definitions, licenses that disagree), limit.
/// Thread-safe. However hostile the inputs are, linking takes at most 64 MiB beyond them, the result included, because
/// of what is linked (debug information is not) they may hold 20 MiB, 262,144 types, as many relocations, and 65,536
/// symbols, all together.
[[nodiscard]] Result<std::vector<std::byte>> link(std::span<const LinkInput> inputs);

}  // namespace skep
