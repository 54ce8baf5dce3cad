// The text of a skeleton, from top to bottom. Everything in it is a name of the object made an identifier, a number, or
// one of the lines below.
#include "cli/skeleton.hpp"

#include <algorithm>
#include <array>

#include <fmt/format.h>

#include "btf/c_names.hpp"
#include "cli/input.hpp"
#include "cli/object_facts.hpp"
#include "cli/skeleton_sections.hpp"

namespace skep::cli {
namespace {

using Access = SkeletonSection::Access;
using Kind = SkeletonSection::Kind;

/// What programs of a type run on; of all others, on any context.
struct ContextRow {
  ProgType type;
  std::string_view context;
};
constexpr std::array<ContextRow, 1> kContexts{{{ProgType::xdp, "XdpPacket"}}};

std::string_view context_of(ProgType type) {
  const auto row = std::find_if(kContexts.begin(), kContexts.end(), [type](const auto& r) { return r.type == type; });
  return row == kContexts.end() ? "Context" : row->context;
}

/// A thing of the object and the member that stands for it.
struct Named {
  std::string name;    ///< in the object
  std::string member;  ///< an identifier
  std::string_view context = {};
};

/// Things of one name are found by the first, so only that one is a member.
void add_named(std::vector<Named>& all, Identifiers& members, const std::string& name, std::string_view text,
               std::string_view context = {}) {
  const auto is_it = [&name](const Named& each) { return each.name == name; };
  if (std::none_of(all.begin(), all.end(), is_it)) all.push_back({name, members.add(text), context});
}

struct Parts {
  std::string space;  ///< the skeleton's namespace
  std::string file;
  std::vector<Named> maps, programs;
  SkeletonSections globals;
};

Result<Parts> parts_of(const loader::ObjectSpec& object, const std::string& name) {
  Parts parts;
  parts.space = name;
  parts.file = object.name;
  auto globals = skeleton_sections(object);
  if (!globals) return fail(std::move(globals).error());
  parts.globals = std::move(*globals);
  Identifiers maps, programs;
  for (const loader::MapDef& def : object.maps) {
    const std::string_view text = def.spec.name;
    add_named(parts.maps, maps, def.spec.name, text.substr(std::min(text.find_first_not_of('.'), text.size())));
  }
  for (const auto& program : object.programs)
    add_named(parts.programs, programs, program->name, program->name, context_of(program->type));
  return parts;
}

/// A string of C++.
std::string quoted(std::string_view text) {
  std::string out = "\"";
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte < 0x20 || byte >= 0x7f || c == '"' || c == '\\' || c == '?')
      out += fmt::format("\\{:03o}", byte);
    else
      out += c;
  }
  return out + '"';
}

constexpr const char* kHead =
    R"(// Made by `skep gen skeleton` of {file}: its programs, maps and global variables as members.
//
//     auto open = {space}::open();              // Result; read and relocated, constants and sizes may be set
//     auto skeleton = open->load();             // Result; maps made, programs built, constants frozen
//     skeleton->progs.NAME.run(context);
//
// {space}::load() is both at once. Everything is let go with the last handle to it.
// clang-format off
#pragma once

#include <cstddef>

#include <skep/skeleton.hpp>

namespace {space} {{

/// What the global variables are made of, and the sections they lie in, as programs see them.
namespace types {{

)";

std::string image_text(std::span<const std::byte> image) {
  constexpr std::size_t kLine = 30;
  std::string out = "/// The object file.\ninline constexpr char object_bytes[] =";
  out.reserve(image.size() * 4);
  for (std::size_t i = 0; i < image.size(); ++i) {
    if (i % kLine == 0) out += i == 0 ? "\n\t\"" : "\"\n\t\"";
    const auto byte = std::to_integer<unsigned>(image[i]);
    if (byte == 0)
      out += "\\0";
    else
      fmt::format_to(std::back_inserter(out), "\\x{:02x}", byte);
  }
  return out + (image.empty() ? " \"\";\n\n" : "\";\n\n");
}

/// Text for each, one after the other.
template <class Things, class TextOf>
std::string each(const Things& things, TextOf text_of) {
  std::string out;
  for (const auto& thing : things) out += text_of(thing);
  return out;
}

/// Those of the kinds for which there is memory: after load, that of globals alone.
std::string section_members(const Parts& parts, bool loaded) {
  return each(parts.globals.sections, [loaded](const SkeletonSection& section) {
    if (section.kind == Kind::struct_ops || (loaded && section.kind == Kind::arena)) return std::string();
    const bool constant = section.access == Access::never || (loaded && section.access == Access::until_load);
    return fmt::format("\t{}types::{}* {} = nullptr;\n", constant ? "const " : "", section.type, section.name);
  });
}

/// "struct StructOps {…} struct_ops;", nothing where the object has no struct_ops maps.
std::string struct_ops_member(const Parts& parts) {
  const std::string members = each(parts.globals.sections, [](const SkeletonSection& section) {
    if (section.kind != Kind::struct_ops) return std::string();
    return fmt::format("\t\ttypes::{}* {} = nullptr;\n", section.type, section.name);
  });
  if (members.empty()) return {};
  return "\t/// What struct_ops maps begin with, to be set before load; their functions are bytes, left 0.\n"
         "\tstruct StructOps {\n" +
         members + "\t} struct_ops = {};\n";
}

std::string find_sections(const Parts& parts, bool loaded) {
  return each(parts.globals.sections, [loaded](const SkeletonSection& section) {
    if (section.kind == Kind::globals)
      return fmt::format("\t\t{} = ::skep::skeleton_section<types::{}>(object, {}, {});\n", section.name, section.type,
                         quoted(section.map), section.bytes);
    if (loaded) return std::string();
    return fmt::format("\t\t{}{} = ::skep::skeleton_value<types::{}>(object, {});\n",
                       section.kind == Kind::struct_ops ? "struct_ops." : "", section.name, section.type,
                       quoted(section.map));
  });
}

/// "auto map_drops = …;" for each, and what happens when there is an error instead.
std::string locals(const std::vector<Named>& all, std::string_view prefix, std::string_view value) {
  return each(all, [&](const Named& thing) {
    const std::string local = fmt::format("{}_{}", prefix, thing.member);
    return fmt::format(
        "\tauto {} = {};\n\tif (!{}) return ::skep::fail({}.error());\n", local,
        fmt::format(fmt::runtime(value), fmt::arg("name", quoted(thing.name)), fmt::arg("context", thing.context)),
        local, local);
  });
}

std::string values(const std::vector<Named>& all, std::string_view prefix) {
  std::string out;
  for (const Named& thing : all) out += fmt::format("{}*{}_{}", out.empty() ? "" : ", ", prefix, thing.member);
  return out;
}

constexpr const char* kLoaded = R"(/// The object, loaded. Members are handles: a copy means the same object.
struct Skeleton {{
	::skep::Object object;
	struct Maps {{
{maps}	}} maps;
	struct Programs {{
{programs}	}} progs;
	// Sections of global variables, which running programs share; null when the map was left out.
{sections}
	void find_sections() {{
{finds}	}}
}};

)";

constexpr const char* kOpen = R"(/// The object, open: see skep::OpenObject.
struct Open {{
	::skep::OpenObject object;
	struct Maps {{
{maps}	}} maps;
	struct Programs {{
{programs}	}} progs;
	// Sections of global variables, with their initial values. Setting the value size of a section's map moves it:
	// find_sections() says where.
{sections}
	void find_sections() {{
{finds}	}}
	/// Makes the maps, and builds the programs whose autoload is on; an error names the first that fails. Once.
	[[nodiscard]] inline ::skep::Result<Skeleton> load(const ::skep::BuildOptions& build = {{}}) const;
}};

)";

constexpr const char* kFunctions = R"(/// Reads the object that is part of this file.
[[nodiscard]] inline ::skep::Result<Open> open(const ::skep::ObjectOptions& options = {{}}) {{
	auto object = ::skep::OpenObject::open(std::as_bytes(std::span(object_bytes, sizeof object_bytes - 1)), {file},
	                                       options);
	if (!object) return ::skep::fail(object.error());
{open_locals}	Open opened{{std::move(*object), {{{map_values}}}, {{{program_values}}}}};
	opened.find_sections();
	return opened;
}}

inline ::skep::Result<Skeleton> Open::load(const ::skep::BuildOptions& build) const {{
	const auto loaded = object.load();
	if (!loaded) return ::skep::fail(loaded.error());
{load_locals}	(void)build;
	Skeleton skeleton{{*loaded, {{{map_values}}}, {{{program_values}}}}};
	skeleton.find_sections();
	return skeleton;
}}

/// Opens and loads it as it is.
[[nodiscard]] inline ::skep::Result<Skeleton> load(const ::skep::ObjectOptions& options = {{}},
                                                   const ::skep::BuildOptions& build = {{}}) {{
	const auto opened = open(options);
	if (!opened) return ::skep::fail(opened.error());
	return opened->load(build);
}}

}}  // namespace {space}
)";

std::string text_of(const Parts& parts, std::span<const std::byte> image) {
  const auto member = [](std::string_view type) {
    return [type](const Named& thing) { return fmt::format("\t\t{} {};\n", type, thing.member); };
  };
  const auto program = [](const Named& thing) {
    return fmt::format("\t\t::skep::SkeletonProgram<::skep::{}> {};\n", thing.context, thing.member);
  };
  std::string out = fmt::format(kHead, fmt::arg("file", printable(parts.file)), fmt::arg("space", parts.space));
  out += parts.globals.types + "}  // namespace types\n\n";
  out += fmt::format(kLoaded, fmt::arg("maps", each(parts.maps, member("::skep::Map"))),
                     fmt::arg("programs", each(parts.programs, program)),
                     fmt::arg("sections", section_members(parts, true)), fmt::arg("finds", find_sections(parts, true)));
  out += fmt::format(kOpen, fmt::arg("maps", each(parts.maps, member("::skep::OpenMap"))),
                     fmt::arg("programs", each(parts.programs, member("::skep::OpenProgram"))),
                     fmt::arg("sections", section_members(parts, false) + struct_ops_member(parts)),
                     fmt::arg("finds", find_sections(parts, false)));
  out += image_text(image);
  out += fmt::format(
      kFunctions, fmt::arg("file", quoted(parts.file)), fmt::arg("space", parts.space),
      fmt::arg("map_values", values(parts.maps, "map")), fmt::arg("program_values", values(parts.programs, "program")),
      fmt::arg("open_locals", locals(parts.maps, "map", "object->map({name})") +
                                  locals(parts.programs, "program", "object->program({name})")),
      fmt::arg("load_locals", locals(parts.maps, "map", "loaded->map({name})") +
                                  locals(parts.programs, "program",
                                         "::skep::SkeletonProgram<::skep::{context}>::build(*loaded, {name}, build)")));
  return out;
}

}  // namespace

std::string skeleton_name(std::string_view file) {
  if (file.ends_with(".o")) file.remove_suffix(2);
  return btf::c_identifier(file, btf::CLanguage::cpp);
}

Result<std::string> skeleton_text(const loader::ObjectSpec& object, std::span<const std::byte> image,
                                  const std::string& name) {
  const auto parts = parts_of(object, name);
  if (!parts) return fail(parts.error());
  return text_of(*parts, image);
}

}  // namespace skep::cli
