// Any bytes as BTF: refused with a reason, or every walk over every type ends, within bounds, whatever the value's
// bytes.
//
// The first byte says what follows: even, all of it is BTF; odd, the next two bytes hold the length of the BTF, and
// what is left is .BTF.ext, or split BTF on it.
#include <algorithm>
#include <cstdlib>

#include "btf/btf.hpp"

namespace {

using skep::Bytes;
using skep::btf::Btf;
using skep::btf::Kind;
using skep::btf::Type;
using skep::btf::TypeId;

void require(bool promise) {
  if (!promise) std::abort();
}

void check_ids(const Btf& types, const Type& type) {
  require(type.ref < types.size() && type.index < types.size());
  for (const auto& each : types.members(type)) {
    require(each.type < types.size());
    if (each.bit_size != 0) require(each.bit_size <= 8 * types.size_of(each.type).value());
  }
  for (const auto& each : types.parameters(type)) require(each.type < types.size());
  for (const auto& each : types.section_vars(type)) {
    const Kind kind = types.type(each.var).kind;
    require(kind == Kind::var || kind == Kind::func);
  }
  if (type.kind == Kind::func) require(types.type(type.ref).kind == Kind::func_proto);
}

/// Text and its bound: the longest name and a few bytes more.
void check_text(const std::string& text, std::size_t limit) { require(!text.empty() && text.size() <= limit + 8); }

void walk(const Btf& types, Bytes value) {
  for (TypeId id = 0; id < types.size(); ++id) {
    const Type& type = types.type(id);
    check_ids(types, type);
    require(types.strip(types.strip(id)) == types.strip(id));
    (void)types.size_of(id);
    check_text(skep::btf::format_declaration(types, id, "name"), 1024);
    check_text(skep::btf::format_value(types, id, value), 4096);
    const TypeId found = types.find(type.kind, type.name);
    require(type.name.empty() ? found == 0 : found != 0 && found <= id && types.type(found).name == type.name);
  }
}

void check_ext(const skep::btf::BtfExt& ext, const Btf& types, std::size_t size) {
  require(ext.funcs.size() <= size / 8 && ext.lines.size() <= size / 16 && ext.relocs.size() <= size / 16);
  for (const auto& each : ext.funcs) require(types.type(each.type).kind == Kind::func && each.insn_bytes % 8 == 0);
  for (const auto& each : ext.lines) require(each.insn_bytes % 8 == 0 && each.text.size() <= skep::btf::kMaxNameBytes);
  for (const auto& each : ext.relocs) require(each.insn_bytes % 8 == 0 && each.type < types.size());
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  Bytes btf = std::as_bytes(std::span(data, size)).subspan(1), ext;
  if ((data[0] & 1) != 0 && size >= 3) {
    const Bytes rest = btf.subspan(2);
    const std::size_t split = std::min<std::size_t>(data[1] | data[2] << 8, rest.size());
    btf = rest.first(split);
    ext = rest.subspan(split);
  }
  const auto types = Btf::parse(btf);
  if (!types) {
    require(!types.error().where.empty() && !types.error().what.empty());
    return 0;
  }
  walk(**types, btf.last(std::min<std::size_t>(btf.size(), 64)));
  if (const auto parsed = skep::btf::BtfExt::parse(ext, **types)) check_ext(*parsed, **types, ext.size());
  if (const auto split = Btf::parse(ext, *types)) walk(**split, ext.last(std::min<std::size_t>(ext.size(), 64)));
  return 0;
}
