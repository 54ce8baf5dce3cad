// Any bytes as an object's types, its .BTF.ext, its code and a target's types: relocating ends, within its allowance,
// and leaves either a sound instruction, a poisoned one or a mark.
//
// The input starts with three 16-bit lengths, of types, .BTF.ext and code; the target's types are what is left.
#include <algorithm>
#include <array>
#include <cstdlib>

#include "isa/table.hpp"
#include "loader/core_relocate.hpp"
#include "loader/relocate.hpp"
#include "program/program.hpp"

namespace {

using namespace skep;

void require(bool promise) {
  if (!promise) std::abort();
}

/// A code section named as the first record's, all of it one function.
loader::Code make_code(const btf::BtfExt& ext, Bytes bytes) {
  loader::Code code;
  code.sections.push_back({.index = 1, .name = ext.relocs[0].section, .data = bytes, .end_function = 1});
  code.functions.push_back({.name = "f", .count = static_cast<std::uint32_t>(bytes.size() / sizeof(Insn))});
  return code;
}

void check(const loader::CoreMarks& marks, const loader::Code& code, Bytes before) {
  const loader::CodeSection& section = code.sections[0];
  require(section.data.size() == before.size());
  const auto& list = marks.by_section[0];
  require(std::is_sorted(list.begin(), list.end(), [](const auto& a, const auto& b) { return a.slot < b.slot; }));
  for (const loader::CoreMark& mark : list) {
    require(mark.slot < section.data.size() / sizeof(Insn) && !mark.what.empty());
    if (!mark.poisoned) continue;
    const Insn insn = loader::read_insn(section, mark.slot);
    require(insn.opcode == loader::kCall && insn.imm == program::kPoisonHelper);
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const ByteReader input(std::as_bytes(std::span(data, size)));
  std::array<Bytes, 3> parts;
  std::uint64_t at = 2 * parts.size();
  for (std::size_t i = 0; i < parts.size(); ++i) {
    const auto length = input.read<std::uint16_t>(2 * i);
    const auto part = length ? input.slice(at, *length) : std::nullopt;
    if (!part) return 0;
    parts[i] = *part;
    at += *length;
  }
  const auto local = btf::Btf::parse(parts[0]);
  if (!local) return 0;
  auto ext = btf::BtfExt::parse(parts[1], **local);
  if (!ext || ext->relocs.empty()) return 0;
  const Bytes code_bytes = parts[2].first(parts[2].size() / sizeof(Insn) * sizeof(Insn));
  if (code_bytes.empty()) return 0;
  const auto target = btf::Btf::parse(*input.slice(at, size - at));

  loader::Source source;
  source.input_bytes = size;
  source.btf = *local;
  source.ext = std::move(*ext);
  for (const btf::Btf* types : {static_cast<const btf::Btf*>(nullptr), target ? target->get() : local->get()}) {
    loader::Code code = make_code(source.ext, code_bytes);
    const auto marks = loader::relocate_core(source, types, code);
    if (marks)
      check(*marks, code, code_bytes);
    else
      require(marks.error().code == ErrorCode::limit);
  }
  return 0;
}
