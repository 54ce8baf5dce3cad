// From ELF relocations to fixups.
//
// A symbol is a function's own or its section's: in the latter case the instruction's imm says where in the section. A
// call counts imm in slots from the next instruction, a load in bytes from the symbol.
#include "loader/relocate.hpp"

#include <algorithm>
#include <limits>

#include <fmt/format.h>

namespace skep::loader {
namespace {

constexpr std::uint64_t kSlot = 8;
constexpr std::uint32_t kNone = 0, kFirstReserved = 0xff00;

class Reader {
 public:
  Reader(const Source& source, const Code& code, const MapTable& maps, const Externs& externs)
      : source_(source), code_(code), maps_(maps), externs_(externs) {}

  Result<std::vector<Fixup>> read(const CodeSection& section) {
    auto relocations = source_.file.relocations(section.index);
    if (!relocations) return fail(std::move(relocations).error());
    // Relocation sections may share bytes in a hostile file: all together they are as many as the file has room for.
    count_ += relocations->size();
    if (count_ > source_.input_bytes / 16)
      return fail(ErrorCode::malformed, in_section(section.name), "sections of relocations overlap in the file");
    std::vector<Fixup> fixups;
    fixups.reserve(relocations->size());
    for (std::size_t i = 0; i < relocations->size(); ++i) {
      const elf::Relocation& relocation = (*relocations)[i];
      if (relocation.type == kNone) continue;
      section_ = &section;
      relocation_ = &relocation;
      number_ = i;
      auto fixup = read_one();
      if (!fixup) return fail(std::move(fixup).error());
      if (!fixups.empty() && fixups.back().slot == fixup->slot)
        return malformed("is the second one for its instruction");
      fixups.push_back(*fixup);
    }
    return fixups;
  }

 private:
  tl::unexpected<Error> malformed(std::string what, ErrorCode code = ErrorCode::malformed) const {
    return fail(code, in_section(section_->name),
                fmt::format("relocation {} at byte {} {}", number_, relocation_->offset, what));
  }

  Result<Fixup> read_one() {
    const std::uint64_t slots = section_->data.size() / kSlot;
    if (relocation_->offset % kSlot != 0 || relocation_->offset / kSlot >= slots)
      return malformed("marks no instruction");
    if (relocation_->symbol >= source_.file.symbols.size()) return malformed("names no symbol");
    const elf::Symbol& symbol = source_.file.symbols[relocation_->symbol];
    Fixup fixup{.slot = static_cast<std::uint32_t>(relocation_->offset / kSlot)};
    const Insn insn = read_insn(*section_, fixup.slot);
    const bool load = insn.opcode == kLddw, call = insn.opcode == kCall;
    if (!load && !call)
      return malformed(fmt::format("marks opcode {:#04x}, needs a 64-bit load or a call", insn.opcode));
    if (load && fixup.slot + 1 >= slots) return malformed("marks a 64-bit load that is cut off");
    if (call && insn.src != kSubprogPseudo)
      return malformed(fmt::format("marks a call with src {}, needs {}", insn.src, kSubprogPseudo));
    if (symbol.section == 0) return read_extern(symbol, fixup, call);
    if (symbol.section >= kFirstReserved)
      return malformed(
          fmt::format("names symbol \"{}\", which lies in no section of the file", name_of_symbol(symbol)));
    if (call) return read_call(symbol, insn, fixup);
    return read_address(symbol, insn, fixup);
  }

  Result<Fixup> read_extern(const elf::Symbol& symbol, Fixup fixup, bool call) const {
    const auto index = externs_.find(symbol.name);
    if (!index)
      return malformed(fmt::format("names symbol \"{}\", which no section defines", shown(symbol.name)),
                       ErrorCode::unsupported);
    fixup.kind = call ? Fixup::Kind::call_of : Fixup::Kind::value_of;
    fixup.target = *index;
    return fixup;
  }

  Result<Fixup> read_call(const elf::Symbol& symbol, const Insn& insn, Fixup fixup) const {
    fixup.kind = Fixup::Kind::call;
    return to_function(symbol, fixup, static_cast<std::int64_t>(symbol.value), (std::int64_t{insn.imm} + 1) * 8);
  }

  Result<Fixup> read_address(const elf::Symbol& symbol, const Insn& insn, Fixup fixup) const {
    const std::uint64_t offset = symbol.value + static_cast<std::uint64_t>(std::int64_t{insn.imm});
    if (const auto map = maps_.data(symbol.section)) {
      fixup.kind = Fixup::Kind::map_value;
      fixup.target = *map;
      fixup.offset = static_cast<std::uint32_t>(offset);
      if (offset > std::numeric_limits<std::uint32_t>::max())
        return malformed(fmt::format("names symbol \"{}\", {} bytes into its section", name_of_symbol(symbol), offset));
      return fixup;
    }
    if (maps_.defines_maps(symbol.section)) {
      const auto map = maps_.at(symbol.section, offset);
      if (!map)
        return malformed(
            fmt::format("names symbol \"{}\" at {}, where no map is defined", name_of_symbol(symbol), offset));
      fixup.kind = Fixup::Kind::map;
      fixup.target = *map;
      return fixup;
    }
    fixup.kind = Fixup::Kind::function;
    return to_function(symbol, fixup, static_cast<std::int64_t>(symbol.value), insn.imm);
  }

  Result<Fixup> to_function(const elf::Symbol& symbol, Fixup fixup, std::int64_t base, std::int64_t addend) const {
    const CodeSection* section = code_.section_of(symbol.section);
    if (section == nullptr)
      return malformed(fmt::format("names symbol \"{}\", whose section holds neither functions, maps nor variables",
                                   name_of_symbol(symbol)),
                       ErrorCode::unsupported);
    constexpr std::int64_t kFar = std::int64_t{1} << 40;
    const std::int64_t bytes = base < 0 || base > kFar ? -1 : base + addend;
    const Function* function = bytes < 0 || bytes % 8 != 0 ? nullptr : code_.function_at(*section, bytes / 8);
    if (function == nullptr)
      return malformed(
          fmt::format("leads to byte {} of section {}, where no function starts", bytes, shown(section->name)));
    fixup.target = static_cast<std::uint32_t>(function - code_.functions.data());
    return fixup;
  }

  /// Its own name, or its section's when it stands for the section.
  [[nodiscard]] std::string name_of_symbol(const elf::Symbol& symbol) const {
    if (!symbol.name.empty() || symbol.section >= source_.file.sections.size()) return shown(symbol.name);
    return shown(source_.file.sections[symbol.section].name);
  }

  const Source& source_;
  const Code& code_;
  const MapTable& maps_;
  const Externs& externs_;
  const CodeSection* section_ = nullptr;  ///< these three say where the reader is
  const elf::Relocation* relocation_ = nullptr;
  std::size_t number_ = 0;
  std::size_t count_ = 0;  ///< relocations read so far
};

}  // namespace

Result<Fixups> read_fixups(const Source& source, const Code& code, const MapTable& maps, const Externs& externs) {
  Reader reader(source, code, maps, externs);
  Fixups all;
  all.reserve(code.sections.size());
  for (const CodeSection& section : code.sections) {
    auto fixups = reader.read(section);
    if (!fixups) return fail(std::move(fixups).error());
    all.push_back(std::move(*fixups));
  }
  return all;
}

std::span<const Fixup> fixups_in(const std::vector<Fixup>& fixups, std::uint32_t first, std::uint32_t count) {
  const auto before = [](const Fixup& fixup, std::uint32_t slot) { return fixup.slot < slot; };
  const auto begin = std::lower_bound(fixups.begin(), fixups.end(), first, before);
  const auto end = std::lower_bound(begin, fixups.end(), first + count, before);
  return {begin, end};
}

Insn read_insn(const CodeSection& section, std::uint64_t slot) noexcept {
  Insn insn;
  std::memcpy(static_cast<void*>(&insn), section.data.data() + slot * kSlot, sizeof insn);
  return insn;
}

}  // namespace skep::loader
