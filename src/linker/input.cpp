// Reads an object and decides which of its sections are linked: code, data and their relocations are; string tables,
// debug information and what the assembler left for other linkers are not; anything unknown is refused.
#include "linker/input.hpp"

#include <algorithm>
#include <bit>

#include <fmt/format.h>

#include "btf/text.hpp"

namespace skep::linker {
namespace {

constexpr std::uint16_t kRelocatable = 1, kBpf = 247;
constexpr std::uint32_t kAddrsig = 0x6fff4c03, kAbsolute = 0xfff1;
constexpr std::uint64_t kMaxSectionBytes = UINT32_MAX;
constexpr std::uint64_t kMaxAlign = 1 << 20;
constexpr std::size_t kMaxSectionName = 4096;
constexpr std::size_t kInsnBytes = 8, kRelocationBytes = 16;
// Names may share bytes in a file, not in the work they make. Real objects have less than their size of them.
constexpr std::uint64_t kNameFactor = 16, kNameSlack = 16u << 20;

Error in_input(const Input& input, Error error) {
  error.where = input.name + ": " + error.where;
  return error;
}

bool is_debug(std::string_view name) { return name.starts_with(".debug_"); }

enum class Fate { drop, keep, refuse };

Fate fate_of(const elf::Section& section) {
  const bool describes_types = section.name == ".BTF" || section.name == ".BTF.ext";
  switch (section.type) {
    case elf::kStrtab:
    case elf::kSymtab:
    case elf::kRel:  // goes with the section it applies to
    case kAddrsig:
      return Fate::drop;
    case elf::kProgbits:
      if (describes_types || is_debug(section.name)) return Fate::drop;
      // Every object has a .text, most have nothing in it.
      return section.name == ".text" && section.size == 0 ? Fate::drop : Fate::keep;
    case elf::kNobits:
      return describes_types ? Fate::refuse : Fate::keep;
    default:
      return is_debug(section.name) ? Fate::drop : Fate::refuse;
  }
}

Result<void> check_section(const Input& input, const elf::Section& section) {
  const auto refuse = [&](ErrorCode code, std::string what) {
    return fail(code, input.where_section(section), std::move(what));
  };
  if (section.name.empty()) return refuse(ErrorCode::malformed, fmt::format("number {} has no name", section.index));
  if (section.name.size() > kMaxSectionName) return refuse(ErrorCode::limit, "name is too long");
  if ((section.flags & elf::kCompressed) != 0) return refuse(ErrorCode::unsupported, "compressed contents");
  if (section.align != 0 && !std::has_single_bit(section.align))
    return refuse(ErrorCode::malformed, fmt::format("alignment {} is no power of two", section.align));
  if (section.align > kMaxAlign)
    return refuse(ErrorCode::limit, fmt::format("alignment {}, at most {} is taken", section.align, kMaxAlign));
  if (section.size > kMaxSectionBytes)
    return refuse(ErrorCode::limit, fmt::format("{} bytes, at most {} are taken", section.size, kMaxSectionBytes));
  if ((section.flags & elf::kExecinstr) != 0 && section.size % kInsnBytes != 0)
    return refuse(ErrorCode::malformed, fmt::format("{} bytes of code, needs a multiple of 8", section.size));
  if (section.relocations != 0 && section.type == elf::kNobits)
    return refuse(ErrorCode::malformed, "has relocations but no contents");
  return {};
}

Result<void> choose_sections(Input& input) {
  input.places.resize(input.file.sections.size());
  for (const elf::Section& section : input.file.sections) {
    if (section.index == 0) continue;
    const Fate fate = fate_of(section);
    if (fate == Fate::refuse)
      return fail(ErrorCode::unsupported, input.where_section(section),
                  fmt::format("is of type {:#x}, linked are code, data and REL relocations", section.type));
    if (fate == Fate::drop) continue;
    if (auto checked = check_section(input, section); !checked) return checked;
    input.places[section.index].section = 0;
    input.sections.try_emplace(section.name, section.index);
  }
  return {};
}

Result<void> check_symbols(const Input& input) {
  if (input.file.symtab == 0) return fail(ErrorCode::malformed, input.name, "has no symbol table");
  for (const elf::Symbol& symbol : input.file.symbols) {
    const auto refuse = [&](ErrorCode code, std::string what) {
      return fail(code, input.where("symbol", symbol.name), std::move(what));
    };
    constexpr unsigned kMaxBinding = static_cast<unsigned>(elf::Binding::weak), kHidden = 2, kDefault = 0;
    if (&symbol == input.file.symbols.data()) continue;
    if (symbol.binding > kMaxBinding)
      return refuse(ErrorCode::unsupported,
                    fmt::format("binding {}, linked are local, global and weak ones", unsigned{symbol.binding}));
    if (symbol.visibility != kDefault && symbol.visibility != kHidden)
      return refuse(ErrorCode::unsupported,
                    fmt::format("visibility {}, linked are default and hidden ones", unsigned{symbol.visibility}));
    const bool local = symbol.binding == static_cast<std::uint8_t>(elf::Binding::local);
    if (symbol.section == 0 && local) return refuse(ErrorCode::malformed, "is local and undefined");
    if (!local && symbol.name.empty()) return refuse(ErrorCode::malformed, "is global and has no name");
    if (symbol.section >= elf::kReservedSections) {
      if (symbol.section != kAbsolute) return refuse(ErrorCode::unsupported, "is a common symbol");
      continue;
    }
    if (symbol.section != 0 && symbol.value > input.file.sections[symbol.section].size)
      return refuse(ErrorCode::malformed, fmt::format("byte {} is past the end of its section, {}", symbol.value,
                                                      input.file.sections[symbol.section].size));
  }
  return {};
}

/// Bytes of all names in the input, those that share bytes counted each.
std::uint64_t count_name_bytes(const Input& input) {
  std::uint64_t total = 0;
  for (const elf::Section& section : input.file.sections) total += section.name.size();
  for (const elf::Symbol& symbol : input.file.symbols) total += symbol.name.size();
  for (const btf::LineInfo& line : input.ext.lines) total += line.file.size() + line.text.size();
  for (const btf::CoreReloc& reloc : input.ext.relocs) total += reloc.access.size();
  if (input.btf == nullptr) return total;
  const btf::Btf& btf = *input.btf;
  for (btf::TypeId id = 1; id < btf.size(); ++id) {
    const btf::Type& type = btf.type(id);
    total += type.name.size();
    for (const btf::Member& member : btf.members(type)) total += member.name.size();
    for (const btf::Enumerator& value : btf.enumerators(type)) total += value.name.size();
    for (const btf::Parameter& parameter : btf.parameters(type)) total += parameter.name.size();
  }
  return total;
}

bool is_global(const btf::Type& type) {
  return (type.kind == btf::Kind::var || type.kind == btf::Kind::func) && type.linkage != 0;
}

/// Notes what the BTF declares. Where a name is declared twice, as in types left over from earlier linking, the one in
/// a section counts.
Result<void> note_declarations(Input& input) {
  const btf::Btf& btf = *input.btf;
  constexpr std::uint32_t kMaxLinkage = 2;
  for (btf::TypeId id = 1; id < btf.size(); ++id) {
    const btf::Type type = btf.type(id);
    if (!is_global(type)) continue;
    if (type.linkage > kMaxLinkage)
      return fail(ErrorCode::malformed, fmt::format("btf: type {}", id),
                  fmt::format("linkage {}, known are 0 to {}", type.linkage, kMaxLinkage));
    input.declared.try_emplace(type.name, Input::Declared{.type = id});
    if (input.declared.size() > Totals::kMostSymbols)
      return fail(ErrorCode::limit, "btf",
                  fmt::format("declares more than {} variables and functions", Totals::kMostSymbols));
  }
  for (btf::TypeId id = 1; id < btf.size(); ++id)
    for (const btf::SectionVar& place : btf.section_vars(btf.type(id)))
      if (is_global(btf.type(place.var))) input.declared[btf.type(place.var).name] = {.type = place.var, .section = id};
  return {};
}

Result<void> read_types(Input& input) {
  const elf::Section* types = input.file.find(".BTF");
  const elf::Section* ext = input.file.find(".BTF.ext");
  if (types == nullptr) return {};
  const auto bytes = elf::File::contents(*types);
  if (!bytes) return fail(bytes.error());
  auto btf = btf::Btf::parse_in_place(*bytes, kept_elsewhere(*bytes));
  if (!btf) return fail(std::move(btf).error());
  input.btf = *std::move(btf);
  if (auto done = note_declarations(input); !done) return done;
  if (ext == nullptr) return {};
  const auto ext_bytes = elf::File::contents(*ext);
  if (!ext_bytes) return fail(ext_bytes.error());
  auto records = btf::BtfExt::parse(*ext_bytes, *input.btf);
  if (!records) return fail(std::move(records).error());
  input.ext = *std::move(records);
  return {};
}

}  // namespace

Result<void> Totals::add(const Input& input) {
  const auto size_of = [&](std::uint32_t section) { return input.file.sections[section].data.size(); };
  for (const elf::Section& section : input.file.sections) {
    const bool kept = input.places[section.index].section != Place::kNowhere;
    if (kept || section.name == ".BTF" || section.name == ".BTF.ext") bytes += section.data.size();
    if (!kept || section.relocations == 0) continue;
    bytes += size_of(section.relocations);
    relocations += size_of(section.relocations) / kRelocationBytes;
  }
  bytes += size_of(input.file.symtab);
  symbols += input.file.symbols.size();
  types += input.btf == nullptr ? 0 : input.btf->size();
  struct Row {
    const char* what;
    std::uint64_t seen, most;
  };
  for (const Row& row :
       {Row{"bytes that are linked", bytes, kMostBytes}, Row{"relocations", relocations, kMostRelocations},
        Row{"symbols", symbols, kMostSymbols}, Row{"types", types, kMostTypes}})
    if (row.seen > row.most)
      return fail(ErrorCode::limit, input.name,
                  fmt::format("{} {} with the inputs before it, at most {} are linked", row.seen, row.what, row.most));
  return {};
}

std::string shown(std::string_view name) {
  constexpr std::size_t kMost = 80;
  std::string text = btf::printable(name.substr(0, kMost + 1));
  btf::cut(text, kMost);
  return text;
}

std::string Input::where(std::string_view what, std::string_view thing) const {
  return fmt::format("{}: {} {}", name, what, shown(thing));
}

bool is_shared(std::string_view section) { return section == "license" || section == "version"; }

Result<Input> read_input(const LinkInput& from) {
  Input input;
  input.name = shown(from.name);
  input.input_bytes = from.bytes.size();
  auto file = elf::File::parse(from.bytes, Totals::kMostSymbols);
  if (!file) return fail(in_input(input, std::move(file).error()));
  input.file = *std::move(file);
  if (input.file.type != kRelocatable || input.file.machine != kBpf)
    return fail(ErrorCode::unsupported, input.name,
                fmt::format("ELF type {} for machine {}, linked are relocatable files (1) for BPF (247)",
                            input.file.type, input.file.machine));
  if (auto done = choose_sections(input); !done) return fail(std::move(done).error());
  if (auto done = check_symbols(input); !done) return fail(std::move(done).error());
  if (auto done = read_types(input); !done) return fail(in_input(input, std::move(done).error()));
  const std::uint64_t names = count_name_bytes(input), most = kNameFactor * input.input_bytes + kNameSlack;
  if (names > most)
    return fail(ErrorCode::limit, input.name, fmt::format("names take {} bytes, at most {} are taken", names, most));
  return input;
}

}  // namespace skep::linker
