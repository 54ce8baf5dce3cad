// ELF files out of hostile bytes: sections, symbols, relocations. Knows nothing of BPF.
//
// parse() checks every header against the size of the input; views point into the bytes given, which must outlive the
// File. Memory and time are proportional to the input, whatever its headers claim: no name is longer than
// kMaxNameBytes, and the sections together hold at most kMaxOverlap times the bytes of the file. A File is a plain
// value; const use is thread-safe. Source: System V ABI, chapters 4 and 5 (ELF-64).
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include <skep/error.hpp>

#include "base/bytes.hpp"

namespace skep::elf {

inline constexpr std::uint32_t kProgbits = 1, kSymtab = 2, kStrtab = 3, kRela = 4, kNobits = 8, kRel = 9;
inline constexpr std::uint64_t kWrite = 1, kAlloc = 2, kExecinstr = 4, kCompressed = 0x800;
/// Symbol::section from here up names no section: 0xfff1 is absolute, 0xfff2 common.
inline constexpr std::uint32_t kReservedSections = 0xff00;
inline constexpr std::size_t kMaxNameBytes = 16384;
inline constexpr std::uint64_t kMaxOverlap = 4;

struct Section {
  std::string_view name;
  std::uint32_t index = 0;
  std::uint32_t type = 0;
  std::uint64_t flags = 0;
  std::uint64_t size = 0;  ///< bytes; also for NOBITS, where data is empty (and size is whatever the file claims)
  std::uint64_t align = 0;
  std::uint64_t entry_size = 0;
  std::uint32_t link = 0;
  std::uint32_t info = 0;
  std::uint32_t relocations = 0;  ///< index of the REL or RELA section that applies to this one; 0 when there is none
  Bytes data;                     ///< as stored: of a compressed section, the compressed bytes (see File::contents)
  std::uint64_t address = 0;      ///< where it lies in memory, if anywhere
};

enum class Binding : std::uint8_t { local = 0, global = 1, weak = 2 };
enum class SymbolType : std::uint8_t { notype = 0, object = 1, func = 2, section = 3, file = 4 };

struct Symbol {
  std::string_view name;
  std::uint64_t value = 0;  ///< byte offset in its section; not checked against it
  std::uint64_t size = 0;
  std::uint32_t section = 0;  ///< index of a section; 0 undefined; 0xfff1 absolute, 0xfff2 common
  std::uint8_t binding = 0;
  std::uint8_t type = 0;
  std::uint8_t visibility = 0;
};

/// One entry of a REL section. Its symbol index has been checked against the symbol table, its offset against the
/// section.
struct Relocation {
  std::uint64_t offset = 0;  ///< bytes in the section it applies to
  std::uint32_t type = 0;
  std::uint32_t symbol = 0;
};

struct File {
  std::uint16_t machine = 0;  ///< reported, not judged
  std::uint16_t type = 0;
  std::vector<Section> sections;
  std::vector<Symbol> symbols;  ///< of the only symbol table; empty when there is none
  std::uint32_t symtab = 0;     ///< index of that table's section; 0 when there is none

  /// The first section of that name, null when there is none.
  [[nodiscard]] const Section* find(std::string_view name) const noexcept;
  /// The bytes of a section for use: section.data, but ErrorCode::unsupported when they are compressed.
  [[nodiscard]] static Result<Bytes> contents(const Section& section);
  /// Relocations that apply to section `index`, sorted by offset. Error when its REL section is malformed, or a RELA
  /// section.
  [[nodiscard]] Result<std::vector<Relocation>> relocations(std::uint32_t index) const;

  /// Reads a 64-bit little-endian ELF file. Others get ErrorCode::unsupported and a word on what they are. More than
  /// `most_symbols` are ErrorCode::limit.
  [[nodiscard]] static Result<File> parse(Bytes bytes, std::size_t most_symbols = SIZE_MAX);
};

}  // namespace skep::elf
