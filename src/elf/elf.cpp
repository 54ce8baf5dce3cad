// Reads ELF-64 headers, the section table and the symbol table, in that order; each step trusts only what the one
// before it checked. Every offset and count is compared with the input before anything is allocated or touched, so a
// file that claims more than it holds is refused, not believed.
#include "elf/elf.hpp"

#include <algorithm>
#include <optional>
#include <tuple>

#include <fmt/format.h>

#include "elf/raw.hpp"

namespace skep::elf {
namespace {

constexpr std::uint32_t kNull = 0, kUndefinedIndex = 0, kExtendedIndex = 0xffff;

tl::unexpected<Error> malformed(std::string where, std::string what) {
  return fail(ErrorCode::malformed, std::move(where), std::move(what));
}
tl::unexpected<Error> unsupported(std::string where, std::string what) {
  return fail(ErrorCode::unsupported, std::move(where), std::move(what));
}

/// How messages call a section: its name when it has one, always its number.
std::string label(std::uint32_t index, std::string_view name) {
  return name.empty() ? fmt::format("elf: section {}", index) : fmt::format("elf: section {} ({})", name, index);
}
std::string label(const Section& section) { return label(section.index, section.name); }

/// The string at `offset` of a string table, or why there is none. Looks at no more than kMaxNameBytes: many names may
/// share one long string. `where` makes the text that says whose name it is.
template <class Where>
Result<std::string_view> name_at(Bytes table, std::uint32_t offset, const Where& where) {
  if (offset == 0 && table.empty()) return std::string_view();
  if (offset >= table.size()) {
    return malformed(where(), fmt::format("name at offset {} past end {} of the string table", offset, table.size()));
  }
  const Bytes reach = table.subspan(offset, std::min(kMaxNameBytes + 1, table.size() - offset));
  const auto name = ByteReader(reach).c_string(0);
  if (name) return *name;
  if (reach.size() > kMaxNameBytes) {
    return fail(ErrorCode::limit, where(), fmt::format("name longer than {} bytes", kMaxNameBytes));
  }
  return malformed(where(), fmt::format("name at offset {} has no end in the string table", offset));
}

/// A parse in progress: fills `file` from `input`.
struct Parser {
  ByteReader input;
  std::size_t most_symbols;
  File file;
  RawHeader header{};

  Result<void> read_header();
  Result<void> read_sections();
  Result<void> name_sections(const std::vector<std::uint32_t>& names);
  Result<void> link_relocations();
  Result<void> read_symbols();
  [[nodiscard]] Result<Section> section(std::uint32_t index, const RawSection& raw) const;
  [[nodiscard]] Result<Symbol> symbol(std::uint32_t index, const RawSymbol& raw, Bytes strings) const;
  [[nodiscard]] Result<Bytes> string_table(std::uint32_t index, const std::string& user) const;
};

Result<void> Parser::read_header() {
  constexpr std::uint8_t kMagic[4] = {0x7f, 'E', 'L', 'F'};
  constexpr std::size_t kClass = 4, kData = 5, kVersion = 6;
  const auto ident = input.slice(0, 16);
  if (!ident || std::memcmp(ident->data(), kMagic, sizeof kMagic) != 0) {
    return malformed("elf", fmt::format("not an ELF file ({} bytes)", input.size()));
  }
  const auto at = [&](std::size_t i) { return std::to_integer<unsigned>((*ident)[i]); };
  if (at(kData) == 2) return unsupported("elf", "big-endian object, skep reads little-endian ones");
  if (at(kClass) == 1) return unsupported("elf", "32-bit object, skep reads 64-bit ones");
  if (at(kData) != 1) return malformed("elf", fmt::format("data encoding {}, needs 1 (little-endian)", at(kData)));
  if (at(kClass) != 2) return malformed("elf", fmt::format("class {}, needs 2 (64-bit)", at(kClass)));
  if (at(kVersion) != 1) return malformed("elf", fmt::format("version {}, needs 1", at(kVersion)));

  const auto raw = input.read<RawHeader>(0);
  if (!raw) return malformed("elf", fmt::format("file ends after {} bytes, the header needs 64", input.size()));
  header = *raw;
  file.machine = header.machine;
  file.type = header.type;
  return {};
}

Result<Section> Parser::section(std::uint32_t index, const RawSection& raw) const {
  Section section{.index = index,
                  .type = raw.type,
                  .flags = raw.flags,
                  .size = raw.size,
                  .align = raw.addralign,
                  .entry_size = raw.entsize,
                  .link = raw.link,
                  .info = raw.info};
  // A NULL header's other fields mean nothing, and NOBITS takes no room in the file.
  if (raw.type == kNull) section.size = 0;
  if (raw.type == kNull || raw.type == kNobits) return section;
  const auto data = input.slice(raw.offset, raw.size);
  if (!data) {
    return malformed(label(section),
                     fmt::format("{} bytes at offset {} past end {} of the file", raw.size, raw.offset, input.size()));
  }
  section.data = *data;
  return section;
}

Result<void> Parser::read_sections() {
  if (header.shoff == 0) {
    if (header.shnum != 0) return malformed("elf", fmt::format("{} sections but no section table", header.shnum));
    return {};
  }
  if (header.shentsize != sizeof(RawSection)) {
    return malformed("elf", fmt::format("section headers of {} bytes, needs {}", header.shentsize, sizeof(RawSection)));
  }
  if (header.shnum == 0 || header.shnum >= kReservedSections || header.shstrndx == kExtendedIndex) {
    return unsupported("elf",
                       fmt::format("extended section numbering, skep reads up to {} sections", kReservedSections - 1));
  }
  const auto table = input.slice(header.shoff, std::uint64_t{header.shnum} * sizeof(RawSection));
  if (!table) {
    return malformed("elf", fmt::format("table of {} sections at offset {} past end {} of the file", header.shnum,
                                        header.shoff, input.size()));
  }
  std::vector<std::uint32_t> names;
  names.reserve(header.shnum);
  file.sections.reserve(header.shnum);
  std::uint64_t total = 0;
  for (std::uint32_t i = 0; i < header.shnum; ++i) {
    const RawSection raw = *ByteReader(*table).read<RawSection>(i * sizeof(RawSection));
    auto read = section(i, raw);
    if (!read) return fail(std::move(read).error());
    total += read->data.size();
    names.push_back(raw.name);
    file.sections.push_back(*std::move(read));
  }
  if (total > kMaxOverlap * input.size()) {
    return fail(ErrorCode::limit, "elf",
                fmt::format("sections overlap to {} bytes in a file of {}", total, input.size()));
  }
  return name_sections(names);
}

Result<Bytes> Parser::string_table(std::uint32_t index, const std::string& user) const {
  if (index >= file.sections.size() || file.sections[index].type != kStrtab) {
    return malformed(user, fmt::format("names in section {}, which is no string table", index));
  }
  return File::contents(file.sections[index]);
}

Result<void> Parser::name_sections(const std::vector<std::uint32_t>& names) {
  if (header.shstrndx == kUndefinedIndex) return {};
  const auto strings = string_table(header.shstrndx, "elf: section table");
  if (!strings) return fail(strings.error());
  for (Section& section : file.sections) {
    if (section.type == kNull) continue;
    const auto name = name_at(*strings, names[section.index], [&] { return label(section); });
    if (!name) return fail(name.error());
    section.name = *name;
  }
  return {};
}

Result<void> Parser::link_relocations() {
  for (const Section& section : file.sections) {
    // `info` 0 is a table of the dynamic linker, which applies to no section.
    if ((section.type != kRel && section.type != kRela) || section.info == kUndefinedIndex) continue;
    if (section.info >= file.sections.size()) {
      return malformed(label(section),
                       fmt::format("applies to section {}, the file has {}", section.info, file.sections.size()));
    }
    Section& target = file.sections[section.info];
    if (target.relocations != 0) {
      return unsupported(label(section), fmt::format("second relocation section for section {}", target.index));
    }
    target.relocations = section.index;
  }
  return {};
}

Result<Symbol> Parser::symbol(std::uint32_t index, const RawSymbol& raw, Bytes strings) const {
  const auto where = [index] { return fmt::format("elf: symbol {}", index); };
  if (raw.shndx == kExtendedIndex) return unsupported(where(), "extended section index");
  if (raw.shndx < kReservedSections && raw.shndx >= file.sections.size()) {
    return malformed(where(), fmt::format("in section {}, the file has {}", raw.shndx, file.sections.size()));
  }
  const auto name = name_at(strings, raw.name, where);
  if (!name) return fail(name.error());
  return Symbol{.name = *name,
                .value = raw.value,
                .size = raw.size,
                .section = raw.shndx,
                .binding = static_cast<std::uint8_t>(raw.info >> 4),
                .type = static_cast<std::uint8_t>(raw.info & 0xf),
                .visibility = static_cast<std::uint8_t>(raw.other & 3)};
}

Result<void> Parser::read_symbols() {
  for (const Section& section : file.sections) {
    if (section.type != kSymtab) continue;
    if (file.symtab != 0)
      return malformed(label(section), fmt::format("second symbol table, section {} is one", file.symtab));
    file.symtab = section.index;
  }
  if (file.symtab == 0) return {};

  const Section& table = file.sections[file.symtab];
  if (table.entry_size != sizeof(RawSymbol) || table.size % sizeof(RawSymbol) != 0) {
    return malformed(label(table), fmt::format("{} bytes of symbols of {}, needs a multiple of {}", table.size,
                                               table.entry_size, sizeof(RawSymbol)));
  }
  const auto bytes = File::contents(table);
  if (!bytes) return fail(bytes.error());
  const auto strings = string_table(table.link, label(table));
  if (!strings) return fail(strings.error());
  const auto count = static_cast<std::uint32_t>(bytes->size() / sizeof(RawSymbol));
  if (count > most_symbols)
    return fail(ErrorCode::limit, label(table), fmt::format("{} symbols, at most {} are taken", count, most_symbols));
  file.symbols.reserve(count);
  for (std::uint32_t i = 0; i < count; ++i) {
    const RawSymbol raw = *ByteReader(*bytes).read<RawSymbol>(std::uint64_t{i} * sizeof(RawSymbol));
    auto read = symbol(i, raw, *strings);
    if (!read) return fail(std::move(read).error());
    file.symbols.push_back(*std::move(read));
  }
  return {};
}

}  // namespace

const Section* File::find(std::string_view name) const noexcept {
  const auto it = std::find_if(sections.begin(), sections.end(), [&](const Section& s) { return s.name == name; });
  return it == sections.end() ? nullptr : &*it;
}

Result<Bytes> File::contents(const Section& section) {
  if ((section.flags & kCompressed) != 0) return unsupported(label(section), "compressed contents");
  return section.data;
}

Result<std::vector<Relocation>> File::relocations(std::uint32_t index) const {
  std::vector<Relocation> relocations;
  if (index >= sections.size() || sections[index].relocations == 0) return relocations;
  const Section& target = sections[index];
  const Section& table = sections[target.relocations];
  if (table.type == kRela) return unsupported(label(table), "RELA relocations, skep reads REL ones");
  if (table.link != symtab || symtab == 0) {
    return malformed(label(table), fmt::format("symbols in section {}, which is no symbol table", table.link));
  }
  if (table.entry_size != sizeof(RawRel) || table.size % sizeof(RawRel) != 0) {
    return malformed(label(table), fmt::format("{} bytes of entries of {}, needs a multiple of {}", table.size,
                                               table.entry_size, sizeof(RawRel)));
  }
  const auto bytes = contents(table);
  if (!bytes) return fail(bytes.error());
  relocations.reserve(bytes->size() / sizeof(RawRel));
  for (std::uint64_t at = 0; at < bytes->size(); at += sizeof(RawRel)) {
    const RawRel raw = *ByteReader(*bytes).read<RawRel>(at);
    const auto symbol = static_cast<std::uint32_t>(raw.info >> 32);
    const auto where = [&] { return fmt::format("{} entry {}", label(table), at / sizeof(RawRel)); };
    if (symbol >= symbols.size()) {
      return malformed(where(), fmt::format("symbol {}, the file has {}", symbol, symbols.size()));
    }
    if (raw.offset >= target.size) {
      return malformed(where(),
                       fmt::format("offset {} past end {} of section {}", raw.offset, target.size, target.name));
    }
    relocations.push_back({raw.offset, static_cast<std::uint32_t>(raw.info), symbol});
  }
  std::sort(relocations.begin(), relocations.end(), [](const Relocation& a, const Relocation& b) {
    return std::tie(a.offset, a.symbol, a.type) < std::tie(b.offset, b.symbol, b.type);
  });
  return relocations;
}

Result<File> File::parse(Bytes bytes, std::size_t most_symbols) {
  Parser parser{.input = ByteReader(bytes), .most_symbols = most_symbols};
  for (const auto step :
       {&Parser::read_header, &Parser::read_sections, &Parser::link_relocations, &Parser::read_symbols}) {
    if (auto done = (parser.*step)(); !done) return fail(std::move(done).error());
  }
  return std::move(parser.file);
}

}  // namespace skep::elf
