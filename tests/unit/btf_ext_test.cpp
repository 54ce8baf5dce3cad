// .BTF.ext against the source that clang compiled, its symbol table and llvm-objdump, and against every way it can lie.
#include <doctest/doctest.h>

#include <algorithm>
#include <sstream>
#include <tuple>

#include "btf/btf.hpp"
#include "support/btf_samples.hpp"
#include "support/tools.hpp"

namespace skep {
namespace {

using btf::Kind;
using testing::CompiledTypes;
using testing::mixed_types;
using testing::with_word;

/// .BTF.ext by hand: a header with the relocations' part, then the three tables' words in order.
std::vector<std::byte> ext_bytes(std::vector<std::uint32_t> funcs, std::vector<std::uint32_t> lines,
                                 std::vector<std::uint32_t> relocs) {
  const auto size = [](const auto& words) { return static_cast<std::uint32_t>(4 * words.size()); };
  std::vector<std::uint32_t> words = {
      0x0001eb9f, 32, 0, size(funcs), size(funcs), size(lines), size(funcs) + size(lines), size(relocs)};
  for (const auto& table : {funcs, lines, relocs}) words.insert(words.end(), table.begin(), table.end());
  const auto bytes = std::as_bytes(std::span(words));
  return {bytes.begin(), bytes.end()};
}

}  // namespace

TEST_CASE("line info gives the lines of the source, function info the functions of the symbol table") {
  CompiledTypes object;
  if (!object.ready()) return;
  const auto ext = btf::BtfExt::parse(object.file.find(".BTF.ext")->data, *object.types);
  REQUIRE_MESSAGE(ext, ext.error().message());

  std::vector<std::string> source{""};
  std::istringstream stream{std::string(testing::kTypesSource)};
  for (std::string line; std::getline(stream, line);) source.push_back(line);
  CHECK(ext->lines.size() > 5);
  for (const btf::LineInfo& line : ext->lines) {
    REQUIRE(line.line < source.size());
    CHECK(line.text == source[line.line]);
    CHECK(line.file.ends_with("object.o.c"));
    CHECK(line.insn_bytes < object.file.find(line.section)->size);
  }

  REQUIRE(ext->funcs.size() == 2);
  for (const btf::FuncInfo& func : ext->funcs) {
    const auto name = object.types->type(func.type).name;
    const auto& symbols = object.file.symbols;
    const auto symbol =
        std::find_if(symbols.begin(), symbols.end(), [&](const elf::Symbol& s) { return s.name == name; });
    REQUIRE(symbol != symbols.end());
    CHECK(object.file.sections[symbol->section].name == func.section);
    CHECK(symbol->value == func.insn_bytes);
  }
}

TEST_CASE("CO-RE relocations are those that llvm-objdump shows") {
  CompiledTypes object;
  if (!object.ready()) return;
  const auto ext = btf::BtfExt::parse(object.file.find(".BTF.ext")->data, *object.types);
  REQUIRE(ext);
  const auto listing = tools::output_of("llvm-objdump-19 -dr " + object.path);
  if (!listing) {
    MESSAGE("SKIP: needs llvm-objdump-19");
    return;
  }
  using Reloc = std::tuple<unsigned long, unsigned, std::string>;
  std::vector<Reloc> expected, seen;
  std::istringstream stream(*listing);
  for (std::string line; std::getline(stream, line);) {
    unsigned long offset = 0;
    unsigned type = 0;
    char access[32] = "";
    if (std::sscanf(line.c_str(), " %lx: CO-RE <byte_off> [%u] struct event::%*s (%31[0-9:])", &offset, &type,
                    access) == 3) {
      expected.emplace_back(offset, type, access);
    }
  }
  for (const btf::CoreReloc& each : ext->relocs) {
    CHECK(each.section == "xdp");
    CHECK(each.kind == 0);
    seen.emplace_back(each.insn_bytes, each.type, each.access);
  }
  CHECK(expected.size() >= 4);
  CHECK(seen == expected);
}

TEST_CASE("records of .BTF.ext may be longer than known, and tables empty or absent") {
  auto b = mixed_types();
  const auto section = b.string("xdp"), file = b.string("a.c"), text = b.string("return 1;"), access = b.string("0:1");
  const auto types = b.parse();
  REQUIRE(types);
  const auto bytes = ext_bytes({12, section, 2, 0, 8, 77, 16, 8, 77}, {20, section, 1, 8, file, text, 5 << 10 | 3, 9},
                               {16, section, 0, section, 1, 24, 4, access, 2});
  const auto ext = btf::BtfExt::parse(bytes, **types);
  REQUIRE_MESSAGE(ext, ext.error().message());
  REQUIRE(ext->funcs.size() == 2);
  CHECK(ext->funcs[1].insn_bytes == 16);
  REQUIRE(ext->lines.size() == 1);
  CHECK(ext->lines[0].line == 5);
  CHECK(ext->lines[0].column == 3);
  CHECK(ext->lines[0].text == "return 1;");
  REQUIRE(ext->relocs.size() == 1);
  CHECK(ext->relocs[0].access == "0:1");
  CHECK(ext->relocs[0].kind == 2);
  CHECK(btf::BtfExt::parse(ext_bytes({}, {}, {}), **types)->funcs.empty());
  // A header without the relocations' part, as compilers wrote before CO-RE.
  auto old = with_word(ext_bytes({}, {}, {}), 4, 24);
  old.resize(24);
  CHECK(btf::BtfExt::parse(old, **types));
}

TEST_CASE("every lie of .BTF.ext is refused") {
  auto b = mixed_types();
  const auto s = b.string("xdp");
  const auto types = b.parse();
  REQUIRE(types);
  const auto past = static_cast<std::uint32_t>(b.bytes().size());
  struct Lie {
    std::vector<std::byte> bytes;
    const char* text;
  };
  const Lie lies[] = {
      {{}, "btf.ext: no BTF header in 0 bytes"},
      {with_word(ext_bytes({}, {}, {}), 0, 0x0002eb9f), "version 2"},
      {with_word(ext_bytes({}, {}, {}), 4, 20), "header of 20 bytes"},
      {with_word(ext_bytes({}, {}, {}), 4, 33), "header of 33 bytes in 32"},
      {with_word(ext_bytes({}, {}, {}), 12, 1), "btf.ext: function info: 1 bytes at offset 32 past end 32"},
      {with_word(ext_bytes({8, s, 0}, {}, {}), 8, ~0u), "function info: 12 bytes at offset"},
      {ext_bytes({4, s, 0}, {}, {}), "records of 4 bytes, needs a multiple of 4 of at least 8"},
      {ext_bytes({10, s, 0}, {}, {}), "records of 10 bytes"},
      {ext_bytes({8, s}, {}, {}), "ends inside the block at 4"},
      {ext_bytes({8, past, 0}, {}, {}), "name of the block at 4 past end of the strings"},
      {ext_bytes({8, s, 2, 0, 8}, {}, {}), "2 records for xdp at 12 past end 20"},
      {ext_bytes({0xfffffffc, s, 0xffffffff}, {}, {}), "records for xdp"},
      {ext_bytes({8, s, 1, 0, 4}, {}, {}), "record for xdp byte 0: type is no function"},
      {ext_bytes({8, s, 1, 0, 999}, {}, {}), "type is no function"},
      {ext_bytes({8, s, 1, 4, 8}, {}, {}), "record for xdp byte 4: offset inside an instruction"},
      {ext_bytes({}, {12, s, 0}, {}), "line info: records of 12 bytes"},
      {ext_bytes({}, {16, s, 1, 0, past, 0, 0}, {}), "line info: record for xdp byte 0: file or text past end"},
      {ext_bytes({}, {16, s, 1, 0, 0, past, 0}, {}), "file or text past end"},
      {ext_bytes({}, {}, {16, s, 1, 0, 99, 0, 0}), "relocations: record for xdp byte 0: type past the last"},
      {ext_bytes({}, {}, {16, s, 1, 0, 1, past, 0}), "access past end"},
  };
  for (const Lie& lie : lies) {
    CAPTURE(lie.text);
    const auto ext = btf::BtfExt::parse(lie.bytes, **types);
    REQUIRE(!ext);
    CHECK_MESSAGE(ext.error().message().find(lie.text) != std::string::npos, ext.error().message());
  }
}

TEST_CASE("every truncation and every changed byte of .BTF.ext parses or is refused") {
  auto b = mixed_types();
  const auto s = b.string("xdp");
  const auto types = b.parse();
  REQUIRE(types);
  const auto good = ext_bytes({8, s, 1, 0, 8}, {16, s, 2, 0, s, s, 7, 8, s, s, 9}, {16, s, 1, 8, 4, s, 0});
  REQUIRE(btf::BtfExt::parse(good, **types));
  for (std::size_t size = 0; size < good.size(); ++size) {
    CHECK(!btf::BtfExt::parse(Bytes(good).first(size), **types));
  }
  std::size_t accepted = 0;
  auto bytes = good;
  for (std::byte& byte : bytes) {
    const std::byte old = byte;
    for (unsigned flip = 1; flip < 256; ++flip) {
      byte = old ^ static_cast<std::byte>(flip);
      const auto ext = btf::BtfExt::parse(bytes, **types);
      if (!ext) continue;
      ++accepted;
      for (const btf::FuncInfo& each : ext->funcs) REQUIRE((*types)->type(each.type).kind == Kind::func);
    }
    byte = old;
  }
  CHECK(accepted > 0);
  CHECK(accepted < good.size() * 255);
}

}  // namespace skep
