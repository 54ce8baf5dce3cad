// The running kernel's symbols and their addresses, as /proc/kallsyms lists them.
#pragma once

#include <string>

#include <skep/error.hpp>

#include "loader/surroundings.hpp"

namespace skep {

/// Calls `see` with each symbol of a file of lines "address letter name". Reads in pieces; a kernel's list has 10 MB
/// and more. Errors: io; malformed, for a line that is none.
[[nodiscard]] Result<void> read_kernel_symbols(const std::string& path, const loader::SeeSymbol& see);

}  // namespace skep
