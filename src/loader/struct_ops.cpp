// From sections to maps: one map a variable, one slot a relocated member.
//
// Work is bounded by the file: bytes are copied once, and a struct's members are indexed once however many maps are
// of its type.
#include "loader/struct_ops.hpp"

#include <algorithm>
#include <array>
#include <cstring>
#include <unordered_map>
#include <utility>

#include <fmt/format.h>

#include "abi/sections.hpp"
#include "btf/core_compare.hpp"

namespace skep::loader {
namespace {

using btf::Kind;

constexpr std::uint64_t kPointer = 8;  // bytes, on the BPF target
constexpr std::array<std::string_view, 4> kSections{".struct_ops", ".struct_ops.link", "?.struct_ops",
                                                    "?.struct_ops.link"};

bool is_struct_ops(const elf::Section& section) noexcept {
  return section.type == elf::kProgbits && (section.flags & elf::kExecinstr) == 0 && section.size != 0 &&
         std::find(kSections.begin(), kSections.end(), section.name) != kSections.end();
}

/// A variable as BTF and the symbol table give it.
struct Variable {
  std::string_view name;
  std::uint64_t offset = 0;  ///< bytes in the section
  btf::TypeId type = 0;      ///< behind typedefs and qualifiers
};

Result<std::vector<Variable>> read_variables(const Source& source, const elf::Section& section) {
  const btf::TypeId id = source.btf == nullptr ? 0 : source.btf->find(Kind::datasec, section.name);
  if (id == 0) return fail(ErrorCode::malformed, in_section(section.name), "BTF does not describe it, compile with -g");
  const btf::Btf& btf = *source.btf;
  const auto offsets = symbol_offsets(source.file, section.index);
  std::vector<Variable> variables;
  for (const btf::SectionVar& place : btf.section_vars(btf.type(id))) {
    const btf::Type& var = btf.type(place.var);
    const auto symbol = offsets.find(var.name);
    variables.push_back({.name = var.name,
                         .offset = symbol != offsets.end() ? symbol->second : place.offset,
                         .type = btf.strip(var.ref)});
  }
  std::sort(variables.begin(), variables.end(), [](const Variable& a, const Variable& b) {
    return a.offset != b.offset ? a.offset < b.offset : a.name < b.name;
  });
  return variables;
}

Result<MapDef> define(const btf::Btf& btf, const elf::Section& section, const Variable& variable) {
  if (auto named = check_name("map", variable.name); !named) return fail(std::move(named).error());
  const std::string where = fmt::format("map {}", shown(variable.name));
  const btf::Type& type = btf.type(variable.type);
  if (type.kind != Kind::struct_ || type.name.empty())
    return fail(ErrorCode::malformed, where, "is no variable of a struct with a name");
  if (auto named = check_name("struct", type.name); !named) return fail(std::move(named).error());
  const auto bytes = ByteReader(section.data).slice(variable.offset, type.size);
  if (!bytes)
    return fail(ErrorCode::malformed, where,
                fmt::format("takes {} bytes at {} of section {}, which has {}", type.size, variable.offset,
                            shown(section.name), section.data.size()));
  constexpr std::uint32_t kKeyBytes = 4;
  MapDef def;
  def.spec.name = variable.name;
  def.spec.type = MapType::struct_ops;
  def.spec.key_size = kKeyBytes;
  def.spec.value_size = type.size;
  def.spec.max_entries = 1;
  def.spec.flags = section.name.ends_with(".link") ? map_flag::link : 0;
  def.spec.btf_value_type = variable.type;
  def.origin = MapDef::Origin::struct_ops;
  def.section = section.name;
  def.contents.assign(bytes->begin(), bytes->end());
  def.struct_ops = StructOps{.type_name = std::string(btf::essential_name(type.name)), .declared_bytes = type.size};
  return def;
}

/// Members of structs by their place, each struct indexed once.
class MembersByPlace {
 public:
  explicit MembersByPlace(const btf::Btf& btf) : btf_(btf) {}

  /// The first member that starts at this byte; nothing when none does.
  std::optional<std::uint32_t> at(btf::TypeId type, std::uint64_t byte) {
    const auto [entry, fresh] = structs_.try_emplace(type);
    if (fresh) {
      const auto members = btf_.members(btf_.type(type));
      for (std::uint32_t i = 0; i < members.size(); ++i) entry->second.try_emplace(members[i].bit_offset, i);
    }
    const auto found = entry->second.find(byte * 8);
    if (found == entry->second.end()) return std::nullopt;
    return found->second;
  }

 private:
  const btf::Btf& btf_;
  std::unordered_map<btf::TypeId, std::unordered_map<std::uint64_t, std::uint32_t>> structs_;
};

bool is_function_pointer(const btf::Btf& btf, btf::TypeId id) {
  const btf::Type& pointer = btf.type(btf.strip(id));
  return pointer.kind == Kind::ptr && btf.type(btf.strip(pointer.ref)).kind == Kind::func_proto;
}

/// The function that a relocation names, by its symbol or by its section and the bytes in place.
const Function* function_of(const Code& code, const elf::Section& section, const elf::Symbol& symbol,
                            std::uint64_t at) {
  constexpr std::uint64_t kSlot = 8, kFar = std::uint64_t{1} << 40;
  const CodeSection* holder = code.section_of(symbol.section);
  std::uint64_t place = symbol.value;
  if (symbol.type == static_cast<std::uint8_t>(elf::SymbolType::section))
    place = ByteReader(section.data).read<std::uint64_t>(at).value_or(kFar);
  if (holder == nullptr || place >= kFar || place % kSlot != 0) return nullptr;
  return code.function_at(*holder, static_cast<std::int64_t>(place / kSlot));
}

bool is_struct_ops_code(std::string_view section) {
  const abi::SectionKind* kind = abi::find_section_kind(section);
  return kind != nullptr && kind->type == ProgType::struct_ops;
}

}  // namespace

Result<void> StructOpsMaps::read_members(const Source& source, const elf::Section& section, const Code& code,
                                         const std::vector<Place>& places, MapTable& maps) {
  const auto relocations = source.file.relocations(section.index);
  if (!relocations) return fail(relocations.error());
  const btf::Btf& btf = *source.btf;
  MembersByPlace members(btf);
  for (const elf::Relocation& relocation : *relocations) {
    const auto malformed = [&](std::string what) {
      return fail(ErrorCode::malformed, in_section(section.name),
                  fmt::format("relocation at byte {} {}", relocation.offset, what));
    };
    const auto after = std::upper_bound(places.begin(), places.end(), relocation.offset,
                                        [](std::uint64_t at, const Place& place) { return at < place.offset; });
    if (after == places.begin() || relocation.symbol >= source.file.symbols.size())
      return malformed("lies in no variable");
    const Place& place = *std::prev(after);
    MapDef& def = maps.defs()[place.map];
    const std::uint64_t offset = relocation.offset - place.offset;
    const auto member = members.at(def.spec.btf_value_type, offset);
    if (!member || !in_bounds(offset, kPointer, def.contents.size()))
      return malformed(fmt::format("meets no member of map {}", shown(def.spec.name)));
    const btf::Member& declared = btf.members(btf.type(def.spec.btf_value_type))[*member];
    if (!is_function_pointer(btf, declared.type))
      return malformed(fmt::format("fills member {} of map {}, which is no pointer to a function", shown(declared.name),
                                   shown(def.spec.name)));
    const elf::Symbol& symbol = source.file.symbols[relocation.symbol];
    const Function* function = function_of(code, section, symbol, relocation.offset);
    if (function == nullptr || !is_struct_ops_code(code.sections[function->section].name))
      return malformed(fmt::format("puts \"{}\" into member {} of map {}, which is no struct_ops program",
                                   shown(function == nullptr ? symbol.name : function->name), shown(declared.name),
                                   shown(def.spec.name)));
    std::memset(def.contents.data() + offset, 0, kPointer);
    slots_.push_back({.map = place.map,
                      .member = static_cast<std::uint32_t>(def.struct_ops->members.size()),
                      .section = code.sections[function->section].name});
    def.struct_ops->members.push_back({.name = std::string(declared.name.substr(0, kMaxName)),
                                       .program = std::string(function->name),
                                       .index = *member,
                                       .offset = static_cast<std::uint32_t>(offset)});
  }
  return {};
}

Result<void> StructOpsMaps::read_section(Source& source, const elf::Section& section, const Code& code,
                                         MapTable& maps) {
  const auto variables = read_variables(source, section);
  if (!variables) return fail(variables.error());
  std::vector<Place> places;
  bool autocreate = !section.name.starts_with('?');
  std::uint64_t copied_bytes = 0;
  for (const Variable& variable : *variables) {
    if (maps.defs().size() >= kMaxMaps)
      return fail(ErrorCode::limit, in_section(section.name), fmt::format("at most {} maps are taken", kMaxMaps));
    auto def = define(*source.btf, section, variable);
    if (!def) return fail(std::move(def).error());
    copied_bytes += def->contents.size();
    if (copied_bytes > section.data.size())
      return fail(ErrorCode::malformed, in_section(section.name), "its variables overlap");
    // As libbpf has it: the mark in front of a section's name counts for the first of its maps.
    def->autocreate = std::exchange(autocreate, true);
    places.push_back({variable.offset, maps.add(std::move(*def))});
    maps_.push_back(places.back().map);
  }
  return read_members(source, section, code, places, maps);
}

Result<StructOpsMaps> StructOpsMaps::read(Source& source, const Code& code, MapTable& maps) {
  StructOpsMaps read;
  for (const elf::Section& section : source.file.sections)
    if (is_struct_ops(section))
      if (auto done = read.read_section(source, section, code, maps); !done) return fail(std::move(done).error());
  return read;
}

}  // namespace skep::loader
