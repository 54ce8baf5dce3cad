// Any bytes as an ELF file: it is refused with a reason, or everything that File promises holds.
#include <cstdlib>

#include "elf/elf.hpp"

namespace {

void require(bool promise) {
  if (!promise) std::abort();
}

void check_section(const skep::elf::File& file, const skep::elf::Section& section, skep::Bytes input) {
  require(section.data.empty() || (section.data.data() >= input.data() &&
                                   section.data.data() + section.data.size() <= input.data() + input.size()));
  require(section.type == skep::elf::kNobits || section.data.size() == section.size);
  require(section.index < file.sections.size() && &file.sections[section.index] == &section);
  require(section.relocations < file.sections.size());
  require(file.find(section.name) != nullptr);
  const auto relocations = file.relocations(section.index);
  if (!relocations) return require(!relocations.error().message().empty());
  std::uint64_t last = 0;
  for (const skep::elf::Relocation& each : *relocations) {
    require(each.offset >= last && each.offset < section.size && each.symbol < file.symbols.size());
    last = each.offset;
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const skep::Bytes input = std::as_bytes(std::span(data, size));
  const auto file = skep::elf::File::parse(input);
  if (!file) {
    require(!file.error().where.empty() && !file.error().what.empty());
    return 0;
  }
  std::uint64_t total = 0;
  for (const skep::elf::Section& section : file->sections) {
    check_section(*file, section, input);
    total += section.data.size();
  }
  require(total <= skep::elf::kMaxOverlap * size);
  require(file->symbols.size() <= size / 24);
  for (const skep::elf::Symbol& symbol : file->symbols) {
    require(symbol.name.size() <= skep::elf::kMaxNameBytes);
    require(symbol.section < file->sections.size() || symbol.section >= skep::elf::kReservedSections);
  }
  return 0;
}
