// Variables keep the places that the object gives them: gaps are filled, and whoever compiles the skeleton has every
// offset checked again.
#include "cli/skeleton_sections.hpp"

#include <algorithm>
#include <unordered_map>

#include <fmt/format.h>

#include "btf/btf.hpp"
#include "btf/c_dump.hpp"
#include "btf/c_names.hpp"
#include "cli/object_facts.hpp"

namespace skep::cli {
namespace {

using Origin = loader::MapDef::Origin;
using Declaration = btf::CppVariables::Declaration;
using Declarations = std::unordered_map<const loader::GlobalVar*, Declaration>;

bool is_shown(const loader::GlobalVar& variable) {
  return !variable.local && variable.bytes != 0 && !is_compilers_own(variable);
}

using Kind = SkeletonSection::Kind;

/// A map that becomes a struct, and the members of that.
struct Piece {
  const loader::MapDef* def;
  Kind kind;
  std::vector<loader::GlobalVar> members;
};

/// The members of a struct_ops map's struct. Functions are left bytes, for nothing is to be written there.
std::vector<loader::GlobalVar> members_of(const btf::Btf& types, const loader::MapDef& def) {
  std::vector<loader::GlobalVar> members;
  for (const btf::Member& each : types.members(types.type(types.strip(def.spec.btf_value_type)))) {
    const auto bytes = types.size_of(each.type);
    if (each.name.empty() || each.bit_size != 0 || each.bit_offset % 8 != 0 || !bytes) continue;
    if (!in_bounds(each.bit_offset / 8, *bytes, def.contents.size())) continue;
    const bool points = types.kind(types.strip(each.type)) == btf::Kind::ptr;
    members.push_back({.name = std::string(each.name),
                       .offset = each.bit_offset / 8,
                       .bytes = *bytes,
                       .btf_type = points ? 0 : each.type});
  }
  return members;
}

std::vector<Piece> pieces_of(const loader::ObjectSpec& object) {
  std::vector<Piece> pieces;
  for (const loader::MapDef& def : object.maps) {
    if (holds_globals(def))
      pieces.push_back({&def, Kind::globals, def.variables});
    else if (def.spec.type == MapType::arena && !def.contents.empty())
      pieces.push_back({&def, Kind::arena, def.variables});
    else if (def.struct_ops && object.btf != nullptr)
      pieces.push_back({&def, Kind::struct_ops, members_of(*object.btf, def)});
  }
  std::erase_if(pieces,
                [](const Piece& each) { return std::none_of(each.members.begin(), each.members.end(), is_shown); });
  return pieces;
}

/// The declarations of all variables whose type takes their bytes and no others; the types they need.
Result<Declarations> declare(const loader::ObjectSpec& object, const std::vector<Piece>& pieces, std::string& types) {
  Declarations declarations;
  if (object.btf == nullptr) return declarations;
  std::vector<const loader::GlobalVar*> typed;
  std::vector<btf::CppVariable> variables;
  for (const Piece& piece : pieces)
    for (const loader::GlobalVar& variable : piece.members) {
      if (!is_shown(variable) || variable.btf_type == 0 || object.btf->size_of(variable.btf_type) != variable.bytes)
        continue;
      typed.push_back(&variable);
      variables.push_back({variable.btf_type, variable.name});
    }
  auto text = btf::format_cpp(*object.btf, variables);
  if (!text) return fail(std::move(text).error());
  types = std::move(text->types);
  for (std::size_t i = 0; i < typed.size(); ++i) declarations.emplace(typed[i], std::move(text->declarations[i]));
  return declarations;
}

class SectionText {
 public:
  explicit SectionText(std::string type) : type_(std::move(type)) {}

  /// `typed` declares the variable; null when it is to be an array of bytes.
  void add(const loader::GlobalVar& variable, const Declaration* typed) {
    if (variable.offset < end_) return;  // another name for what is there already
    const bool fits = typed != nullptr && variable.offset % typed->align == 0;
    const std::uint32_t align = fits ? typed->align : 1;
    if ((std::uint64_t{end_} + align - 1) / align * align != variable.offset)
      members_ += fmt::format("\tunsigned char {}[{}];\n", names_.add("gap"), variable.offset - end_);
    const std::string name = names_.add(variable.name);
    members_ += fits && name == typed->name ? fmt::format("\t{};\n", typed->text)
                                            : fmt::format("\tunsigned char {}[{}];\n", name, variable.bytes);
    checks_ += fmt::format("static_assert(offsetof({}, {}) == {});\n", type_, name, variable.offset);
    end_ = variable.offset + variable.bytes;
  }

  [[nodiscard]] std::uint32_t bytes() const { return end_; }
  [[nodiscard]] std::string text() const { return fmt::format("struct {} {{\n{}}};\n{}\n", type_, members_, checks_); }

 private:
  std::string type_, members_, checks_;
  Identifiers names_;
  std::uint32_t end_ = 0;
};

SkeletonSection::Access access_of(Origin origin) {
  if (origin == Origin::kconfig) return SkeletonSection::Access::never;
  return origin == Origin::rodata ? SkeletonSection::Access::until_load : SkeletonSection::Access::always;
}

}  // namespace

std::string Identifiers::add(std::string_view text) {
  const std::string plain = btf::c_identifier(text, btf::CLanguage::cpp);
  std::string name = plain;
  for (unsigned number = 2; std::find(taken_.begin(), taken_.end(), name) != taken_.end(); ++number)
    name = fmt::format("{}_{}", plain, number);
  taken_.push_back(name);
  return name;
}

Result<SkeletonSections> skeleton_sections(const loader::ObjectSpec& object) {
  SkeletonSections out;
  const std::vector<Piece> pieces = pieces_of(object);
  const auto declarations = declare(object, pieces, out.types);
  if (!declarations) return fail(declarations.error());
  Identifiers names, values;
  for (const auto& [def, kind, members] : pieces) {
    SkeletonSection section;
    section.kind = kind;
    section.map = def->spec.name;
    const std::string_view plain = std::string_view(section.map).substr(section.map.find_first_not_of('.'));
    section.name = kind == Kind::struct_ops ? values.add(plain) : names.add(kind == Kind::arena ? "arena" : plain);
    section.type = section.name + (kind == Kind::struct_ops ? "_value" : "_section");
    section.access = access_of(def->origin);
    SectionText text(section.type);
    for (const loader::GlobalVar& variable : members) {
      if (!is_shown(variable)) continue;
      const auto typed = declarations->find(&variable);
      text.add(variable, typed == declarations->end() ? nullptr : &typed->second);
    }
    section.bytes = text.bytes();
    out.types += text.text();
    out.sections.push_back(std::move(section));
  }
  return out;
}

}  // namespace skep::cli
