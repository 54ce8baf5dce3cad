// ELF files out of values: what parse() reads, write() writes.
#pragma once

#include <cstddef>
#include <span>
#include <vector>

#include "elf/elf.hpp"

namespace skep::elf {

/// The contents of a REL section.
[[nodiscard]] std::vector<std::byte> encode(std::span<const Relocation> relocations);

/// A 64-bit little-endian file of these sections and symbols; a symbol table and its strings come last, as sections of
/// write()'s own. Of `file` it reads machine, type, sections (the first stands for the NULL section; `link` of REL
/// sections is set to the symbol table) and symbols (the first is the NULL symbol, local ones come before the others).
/// Errors: limit, when there are more sections than a header can count.
[[nodiscard]] Result<std::vector<std::byte>> write(const File& file);

}  // namespace skep::elf
