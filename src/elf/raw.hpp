// ELF-64 records as they lie in a file; field names are those of the System V ABI without their prefixes. The room's
// own header.
#pragma once

#include <cstdint>

namespace skep::elf {

struct RawHeader {
  std::uint8_t ident[16];
  std::uint16_t type, machine;
  std::uint32_t version;
  std::uint64_t entry, phoff, shoff;
  std::uint32_t flags;
  std::uint16_t ehsize, phentsize, phnum, shentsize, shnum, shstrndx;
};
struct RawSection {
  std::uint32_t name, type;
  std::uint64_t flags, addr, offset, size;
  std::uint32_t link, info;
  std::uint64_t addralign, entsize;
};
struct RawSymbol {
  std::uint32_t name;
  std::uint8_t info, other;
  std::uint16_t shndx;
  std::uint64_t value, size;
};
struct RawRel {
  std::uint64_t offset, info;
};
static_assert(sizeof(RawHeader) == 64 && sizeof(RawSection) == 64 && sizeof(RawSymbol) == 24 && sizeof(RawRel) == 16);

}  // namespace skep::elf
