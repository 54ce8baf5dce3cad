// ELF files out of hostile bytes: sections, symbols, relocations. Knows nothing of BPF.
//
// parse() checks every header against the size of the input; views point into the bytes given, which must outlive the File.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include <skep/error.hpp>

#include "base/bytes.hpp"

namespace skep::elf {

inline constexpr std::uint32_t kProgbits = 1, kSymtab = 2, kStrtab = 3, kNobits = 8, kRel = 9;
inline constexpr std::uint64_t kAlloc = 2, kExecinstr = 4, kWrite = 1;

struct Section {
  std::string_view name;
  std::uint32_t index = 0;
  std::uint32_t type = 0;
  std::uint64_t flags = 0;
  std::uint64_t size = 0;  ///< bytes; also for NOBITS, where data is empty
  std::uint64_t align = 0;
  std::uint32_t link = 0;
  std::uint32_t info = 0;
  Bytes data;
};

enum class Binding : std::uint8_t { local = 0, global = 1, weak = 2 };
enum class SymbolType : std::uint8_t { notype = 0, object = 1, func = 2, section = 3, file = 4 };

struct Symbol {
  std::string_view name;
  std::uint64_t value = 0;  ///< byte offset in its section
  std::uint64_t size = 0;
  std::uint32_t section = 0;  ///< index; 0 undefined; 0xfff1 absolute, 0xfff2 common
  std::uint8_t binding = 0;
  std::uint8_t type = 0;
  std::uint8_t visibility = 0;
};

/// One entry of a REL section. Its symbol index has been checked against the symbol table.
struct Relocation {
  std::uint64_t offset = 0;  ///< bytes in the section it applies to
  std::uint32_t type = 0;
  std::uint32_t symbol = 0;
};

struct File {
  std::uint16_t machine = 0;
  std::uint16_t type = 0;
  std::vector<Section> sections;
  std::vector<Symbol> symbols;  ///< of the only symbol table; empty when there is none

  /// The first section of that name, null when there is none.
  [[nodiscard]] const Section* find(std::string_view name) const noexcept;
  /// Relocations that apply to section `index`, sorted by offset. Error when a REL section is malformed.
  [[nodiscard]] Result<std::vector<Relocation>> relocations(std::uint32_t index) const;

  /// Reads a 64-bit little-endian ELF file. Others get ErrorCode::unsupported and a word on what they are.
  [[nodiscard]] static Result<File> parse(Bytes bytes);
};

}  // namespace skep::elf
