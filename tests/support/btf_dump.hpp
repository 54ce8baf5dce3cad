// A type graph as text, line for line as `bpftool btf dump ... format raw` writes it, to compare the two.
#pragma once

#include <string>

#include <fmt/format.h>

#include "btf/btf.hpp"

namespace skep::testing {

inline std::string dump_parts(const btf::Btf& graph, const btf::Type& type) {
  const auto named = [](std::string_view name) { return name.empty() ? std::string_view("(anon)") : name; };
  std::string text;
  for (const btf::Member& each : graph.members(type)) {
    text += fmt::format("\n\t'{}' type_id={} bits_offset={}", named(each.name), each.type, each.bit_offset);
    if (each.bit_size != 0) text += fmt::format(" bitfield_size={}", each.bit_size);
  }
  for (const btf::Parameter& each : graph.parameters(type))
    text += fmt::format("\n\t'{}' type_id={}", named(each.name), each.type);
  for (const btf::SectionVar& each : graph.section_vars(type)) {
    const btf::Type& var = graph.type(each.var);
    text += fmt::format("\n\ttype_id={} offset={} size={} ({} '{}')", each.var, each.offset, each.size,
                        var.kind == btf::Kind::var ? "VAR" : "FUNC", var.name);
  }
  const bool wide = type.kind == btf::Kind::enum64;
  for (const btf::Enumerator& each : graph.enumerators(type)) {
    const auto value =
        type.kind_flag ? fmt::format("{}", static_cast<std::int64_t>(each.value)) : fmt::format("{}", each.value);
    text += fmt::format("\n\t'{}' val={}{}", named(each.name), value, !wide ? "" : type.kind_flag ? "LL" : "ULL");
  }
  return text;
}

inline std::string dump_type(const btf::Btf& graph, btf::TypeId id) {
  using btf::Kind;
  constexpr const char* kNames[] = {"UNKN", "INT",     "PTR",      "ARRAY",    "STRUCT",   "UNION", "ENUM",
                                    "FWD",  "TYPEDEF", "VOLATILE", "CONST",    "RESTRICT", "FUNC",  "FUNC_PROTO",
                                    "VAR",  "DATASEC", "FLOAT",    "DECL_TAG", "TYPE_TAG", "ENUM64"};
  constexpr const char* kLinkages[] = {"static", "global", "extern"};
  const btf::Type& type = graph.type(id);
  const auto encoding = [&] {
    return type.int_encoding == 0   ? "(none)"
           : type.int_encoding == 1 ? "SIGNED"
           : type.int_encoding == 2 ? "CHAR"
                                    : "BOOL";
  };
  std::string text =
      fmt::format("[{}] {} '{}' ", id, kNames[static_cast<int>(type.kind)], type.name.empty() ? "(anon)" : type.name);
  switch (type.kind) {
    case Kind::int_:
      text += fmt::format("size={} bits_offset={} nr_bits={} encoding={}", type.size, type.int_bit_offset,
                          type.int_bits, encoding());
      break;
    case Kind::ptr:
    case Kind::typedef_:
    case Kind::volatile_:
    case Kind::const_:
    case Kind::restrict_:
    case Kind::type_tag:
      text += fmt::format("type_id={}", type.ref);
      break;
    case Kind::array:
      text += fmt::format("type_id={} index_type_id={} nr_elems={}", type.ref, type.index, type.count);
      break;
    case Kind::struct_:
    case Kind::union_:
    case Kind::datasec:
      text += fmt::format("size={} vlen={}", type.size, type.vlen);
      break;
    case Kind::enum_:
    case Kind::enum64:
      text += fmt::format("encoding={} size={} vlen={}", type.kind_flag ? "SIGNED" : "UNSIGNED", type.size, type.vlen);
      break;
    case Kind::fwd:
      text += fmt::format("fwd_kind={}", type.kind_flag ? "union" : "struct");
      break;
    case Kind::func:
      text += fmt::format("type_id={} linkage={}", type.ref, kLinkages[type.linkage]);
      break;
    case Kind::func_proto:
      text += fmt::format("ret_type_id={} vlen={}", type.ref, type.vlen);
      break;
    case Kind::var:
      text += fmt::format("type_id={}, linkage={}", type.ref, kLinkages[type.linkage]);
      break;
    case Kind::float_:
      text += fmt::format("size={}", type.size);
      break;
    case Kind::decl_tag:
      text += fmt::format("type_id={} component_idx={}", type.ref, type.component);
      break;
    case Kind::void_:
      break;
  }
  return text + dump_parts(graph, type) + "\n";
}

inline std::string dump(const btf::Btf& graph) {
  std::string text;
  for (btf::TypeId id = 1; id < graph.size(); ++id) text += dump_type(graph, id);
  return text;
}

}  // namespace skep::testing
