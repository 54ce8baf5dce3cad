// Header, section headers, section names: each read whole, and checked by being there. Files of the other byte order
// are turned as they are read, in the fields that matter here.
#include "elf/section_place.hpp"

#include <algorithm>
#include <array>
#include <cstring>
#include <span>

#include <fmt/format.h>

#include "base/bytes.hpp"
#include "elf/elf.hpp"
#include "elf/raw.hpp"

namespace skep::elf {
namespace {

constexpr std::array<std::uint8_t, 4> kElfMagic = {0x7f, 'E', 'L', 'F'};
constexpr std::uint8_t kClass64 = 2, kLittleEndian = 1, kBigEndian = 2;
constexpr std::uint16_t kExtendedIndex = 0xffff;
constexpr std::uint64_t kMostSections = 1u << 16, kMostNameBytes = 16u << 20;

tl::unexpected<Error> malformed(std::string what) { return fail(ErrorCode::malformed, "elf", std::move(what)); }

template <class Raw>
std::optional<Raw> read(const ReadAt& file, std::uint64_t offset) {
  const auto bytes = file(offset, sizeof(Raw));
  return bytes ? ByteReader(*bytes).read<Raw>(0) : std::nullopt;
}

template <class... Fields>
void turn(Fields&... fields) {
  const auto turn_one = [](auto& field) { std::ranges::reverse(std::as_writable_bytes(std::span(&field, 1))); };
  (turn_one(fields), ...);
}

/// The section headers, and the place of their names.
struct Headers {
  bool foreign = false;  ///< of the other byte order
  std::vector<std::byte> sections;
  std::uint64_t count = 0;
  SectionPlace names;

  [[nodiscard]] RawSection operator[](std::uint64_t index) const {
    RawSection section = *ByteReader(sections).read<RawSection>(index * sizeof(RawSection));
    if (foreign) turn(section.name, section.type, section.flags, section.offset, section.size, section.link);
    return section;
  }
};

Result<Headers> read_headers(const ReadAt& file) {
  auto header = read<RawHeader>(file, 0);
  if (!header || !is_elf(file)) return malformed("no ELF header");
  const std::uint8_t order = header->ident[5];
  if (header->ident[4] != kClass64 || (order != kLittleEndian && order != kBigEndian))
    return fail(ErrorCode::unsupported, "elf", "is no 64-bit file");
  Headers headers{.foreign = order == kBigEndian};
  if (headers.foreign) turn(header->shoff, header->shentsize, header->shnum, header->shstrndx);
  if (header->shentsize != sizeof(RawSection) || header->shoff == 0)
    return malformed(fmt::format("section headers of {} bytes at {}", header->shentsize, header->shoff));
  // Files with very many sections keep both numbers in the first section's header.
  auto one = file(header->shoff, sizeof(RawSection));
  if (!one) return malformed("ends before its section headers");
  headers.sections = *std::move(one);
  const RawSection first = headers[0];
  headers.count = header->shnum != 0 ? header->shnum : first.size;
  const std::uint64_t names = header->shstrndx != kExtendedIndex ? header->shstrndx : first.link;
  if (headers.count > kMostSections || names >= headers.count)
    return malformed(fmt::format("{} sections, names in section {}", headers.count, names));
  auto sections = file(header->shoff, headers.count * sizeof(RawSection));
  if (!sections) return malformed("ends inside its section headers");
  headers.sections = std::move(*sections);
  headers.names = {headers[names].offset, headers[names].size};
  return headers;
}

}  // namespace

bool is_elf(const ReadAt& file) {
  const auto start = file(0, kElfMagic.size());
  return start && std::memcmp(start->data(), kElfMagic.data(), kElfMagic.size()) == 0;
}

Result<std::optional<SectionPlace>> find_section(const ReadAt& file, std::string_view name) {
  const auto headers = read_headers(file);
  if (!headers) return fail(headers.error());
  const auto names =
      headers->names.bytes <= kMostNameBytes ? file(headers->names.offset, headers->names.bytes) : std::nullopt;
  if (!names) return malformed(fmt::format("{} bytes of section names", headers->names.bytes));
  const ByteReader texts(*names);
  for (std::uint64_t i = 0; i < headers->count; ++i) {
    const RawSection section = (*headers)[i];
    // Compared in place: a search for the end of each name could be made long.
    const auto text = texts.slice(section.name, name.size() + 1);
    if (!text || std::memcmp(text->data(), name.data(), name.size()) != 0 || text->back() != std::byte{0}) continue;
    if (section.type == kNobits || section.size == 0) return std::nullopt;
    if ((section.flags & kCompressed) != 0)
      return fail(ErrorCode::unsupported, fmt::format("elf: section {}", name), "is compressed");
    return SectionPlace{section.offset, section.size};
  }
  return std::nullopt;
}

}  // namespace skep::elf
