// Lays a file out: header, contents of the sections in their order, section table. Contents start at a multiple of 16,
// which is all that readers of relocatable files ask for, whatever alignment the section itself wants.
#include "elf/write.hpp"

#include <algorithm>
#include <cstring>

#include <fmt/format.h>

#include "base/bits.hpp"
#include "base/string_table.hpp"
#include "elf/raw.hpp"

namespace skep::elf {
namespace {

constexpr std::uint64_t kContentAlign = 16;

class Image {
 public:
  explicit Image(std::size_t bytes) { bytes_.reserve(bytes); }

  std::uint64_t append(Bytes contents) {
    bytes_.resize(round_up<std::uint64_t>(bytes_.size(), kContentAlign));
    const std::uint64_t at = bytes_.size();
    bytes_.insert(bytes_.end(), contents.begin(), contents.end());
    return at;
  }
  template <class T>
  std::uint64_t append(const std::vector<T>& table) {
    return append(std::as_bytes(std::span(table)));
  }
  void put(const RawHeader& header) { std::memcpy(bytes_.data(), &header, sizeof header); }
  [[nodiscard]] std::vector<std::byte> take() { return std::move(bytes_); }

 private:
  std::vector<std::byte> bytes_ = std::vector<std::byte>(sizeof(RawHeader));
};

RawHeader make_header(const File& file) {
  RawHeader header{};
  constexpr std::uint8_t kIdent[] = {0x7f, 'E', 'L', 'F', 2, 1, 1};
  std::copy(std::begin(kIdent), std::end(kIdent), header.ident);
  header.type = file.type;
  header.machine = file.machine;
  header.version = 1;
  header.ehsize = sizeof(RawHeader);
  header.shentsize = sizeof(RawSection);
  return header;
}

std::vector<RawSymbol> make_symbols(const File& file, StringTable& strings) {
  std::vector<RawSymbol> symbols;
  symbols.reserve(file.symbols.size());
  for (const Symbol& symbol : file.symbols)
    symbols.push_back({.name = strings.add(symbol.name),
                       .info = static_cast<std::uint8_t>(symbol.binding << 4 | symbol.type),
                       .other = symbol.visibility,
                       .shndx = static_cast<std::uint16_t>(symbol.section),
                       .value = symbol.value,
                       .size = symbol.size});
  return symbols;
}

/// Index of the first symbol that is not local, which the symbol table's header states.
std::uint32_t count_locals(const File& file) {
  const auto end = std::find_if(file.symbols.begin(), file.symbols.end(),
                                [](const Symbol& s) { return s.binding != static_cast<std::uint8_t>(Binding::local); });
  return static_cast<std::uint32_t>(end - file.symbols.begin());
}

}  // namespace

std::vector<std::byte> encode(std::span<const Relocation> relocations) {
  std::vector<std::byte> bytes;
  bytes.reserve(relocations.size() * sizeof(RawRel));
  for (const Relocation& relocation : relocations) {
    const RawRel raw{relocation.offset, std::uint64_t{relocation.symbol} << 32 | relocation.type};
    const auto raw_bytes = std::as_bytes(std::span(&raw, 1));
    bytes.insert(bytes.end(), raw_bytes.begin(), raw_bytes.end());
  }
  return bytes;
}

Result<std::vector<std::byte>> write(const File& file) {
  const std::size_t count = file.sections.size() + 2;
  if (count >= kReservedSections) {
    return fail(ErrorCode::limit, "elf", fmt::format("{} sections, at most {} fit", count, kReservedSections - 1));
  }
  const auto symtab = static_cast<std::uint32_t>(file.sections.size()), strtab = symtab + 1;
  // All names come first, so that the file's size is known and its bytes are never moved.
  StringTable strings;
  for (const Section& section : std::span(file.sections).subspan(1)) strings.add(section.name);
  const auto symbols = make_symbols(file, strings);
  const std::uint32_t symtab_name = strings.add(".symtab"), strtab_name = strings.add(".strtab");
  if (strings.full()) return fail(ErrorCode::limit, "elf", "names take more than 4 GiB");
  std::size_t total = sizeof(RawHeader) + count * sizeof(RawSection) + symbols.size() * sizeof(RawSymbol) +
                      strings.bytes().size() + 3 * kContentAlign;
  for (const Section& section : file.sections) total += section.data.size() + kContentAlign;
  Image image(total);
  std::vector<RawSection> table(1);
  for (const Section& section : std::span(file.sections).subspan(1)) {
    table.push_back({.name = strings.add(section.name),
                     .type = section.type,
                     .flags = section.flags,
                     .addr = section.address,
                     .offset = image.append(section.data),
                     .size = section.size,
                     .link = section.type == kRel ? symtab : section.link,
                     .info = section.info,
                     .addralign = section.align,
                     .entsize = section.entry_size});
  }
  table.push_back({.name = symtab_name,
                   .type = kSymtab,
                   .flags = 0,
                   .addr = 0,
                   .offset = image.append(symbols),
                   .size = symbols.size() * sizeof(RawSymbol),
                   .link = strtab,
                   .info = count_locals(file),
                   .addralign = 8,
                   .entsize = sizeof(RawSymbol)});
  table.push_back({.name = strtab_name,
                   .type = kStrtab,
                   .flags = 0,
                   .addr = 0,
                   .offset = image.append(std::as_bytes(std::span(strings.bytes()))),
                   .size = strings.bytes().size(),
                   .link = 0,
                   .info = 0,
                   .addralign = 1,
                   .entsize = 0});
  RawHeader header = make_header(file);
  header.shoff = image.append(table);
  header.shnum = static_cast<std::uint16_t>(count);
  header.shstrndx = static_cast<std::uint16_t>(strtab);
  image.put(header);
  return image.take();
}

}  // namespace skep::elf
