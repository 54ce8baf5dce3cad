// An ELF file in memory that tells a debugger what lies at the addresses of a program's code.
#pragma once

#include <cstddef>
#include <vector>

#include <skep/code_watcher.hpp>
#include <skep/error.hpp>

namespace skep::jit {

/// Symbols of all functions and, where the news hold lines, DWARF for these. The code itself is not in it. Error limit
/// when names take more than 4 GiB.
[[nodiscard]] Result<std::vector<std::byte>> debug_object(const CodeNews& news);

}  // namespace skep::jit
