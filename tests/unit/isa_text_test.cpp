// Text and back: what disassemble() prints, assemble() reads; and what is no text is refused with a line.
#include <doctest/doctest.h>

#include <algorithm>
#include <bit>
#include <random>
#include <string>
#include <vector>

#include "isa/table.hpp"
#include "isa/text.hpp"
#include "isa_samples.hpp"

namespace skep::isa {
namespace {

constexpr Style kStyles[] = {Style::llvm, Style::kernel, Style::mnemonic};

/// Every sample of every form, one after the other, with the text of each.
struct Listing {
  std::vector<Insn> insns;
  std::vector<std::string> lines;
  std::string text;
};

Listing list_all(Style style) {
  Listing listing;
  for (const FormInfo& row : forms()) {
    for (const auto& insn : test::samples(row)) {
      listing.lines.push_back(disassemble(insn, 0, style));
      listing.text += listing.lines.back() + "\n";
      listing.insns.insert(listing.insns.end(), insn.begin(), insn.end());
    }
  }
  return listing;
}

std::string error_of(std::string_view text) {
  const auto insns = assemble(text);
  return insns ? "no error" : insns.error().message();
}

std::string printed(const Insn& insn, Style style) { return disassemble({&insn, 1}, 0, style); }

}  // namespace

TEST_CASE("assembling what was disassembled gives the same bytes, for every form and sample, in either style") {
  for (Style style : {Style::llvm, Style::mnemonic}) {
    const Listing listing = list_all(style);
    const auto insns = assemble(listing.text);
    if (!insns) MESSAGE(insns.error().message());
    REQUIRE(insns.has_value());
    CHECK(*insns == listing.insns);
  }
}

TEST_CASE("no two different samples print as the same text") {
  for (Style style : {Style::llvm, Style::mnemonic}) {
    const Listing listing = list_all(style);
    std::vector<std::string> lines = listing.lines;
    std::sort(lines.begin(), lines.end());
    CHECK(std::adjacent_find(lines.begin(), lines.end()) == lines.end());
  }
}

TEST_CASE("every form prints in every style, without a slot or a word left open") {
  for (Style style : kStyles) {
    for (const std::string& line : list_all(style).lines) {
      CAPTURE(line);
      CHECK(line != "<unknown>");
      CHECK(line.find_first_of("{}$") == std::string::npos);
      CHECK(line.find("  ") == std::string::npos);
    }
  }
}

TEST_CASE("the kernel style prints as Linux' verifier log does") {
  struct Row {
    Insn insn;
    std::string_view text;
  };
  const Row rows[] = {
      {Insn(0x85, 0, 0, 0, 1), "(85) call 1"},
      {Insn(0x85, 0, 1, 0, 5), "(85) call pc+5"},
      {Insn(0x85, 0, 2, 0, 9), "(85) call kernel-function#9"},
      {Insn(0xbf, 1, 2, 1, 1), "(bf) r1 = addr_space_cast(r2, 0, 1)"},
      {Insn(0x30, 0, 0, 0, 23), "(30) r0 = *(u8 *)skb[23]"},
      {Insn(0x48, 0, 2, 0, 4), "(48) r0 = *(u16 *)skb[r2 + 4]"},
      {Insn(0xe5, 0, 0, -2, 0), "(e5) may_goto pc-2"},
      {Insn(0x06, 0, 0, 0, 2), "(06) gotol pc+2"},
      {Insn(0x15, 1, 0, -2, -1), "(15) if r1 == 0xffffffff goto pc-2"},
      {Insn(0x7b, 10, 1, -8, 0), "(7b) *(u64 *)(r10 -8) = r1"},
  };
  for (const Row& row : rows) CHECK(printed(row.insn, Style::kernel) == row.text);
}

TEST_CASE("what is no instruction prints as unknown") {
  const std::vector<Insn> insns{Insn(0x18, 1, 0, 0, 5), Insn(0, 0, 0, 0, 1), Insn(0x18, 1, 0, 0, 5)};
  for (Style style : kStyles) {
    CHECK(disassemble(insns, 0, style) != "<unknown>");
    CHECK(disassemble(insns, 1, style) == "<unknown>");  // a second slot
    CHECK(disassemble(insns, 2, style) == "<unknown>");  // no second slot
    CHECK(disassemble(insns, 3, style) == "<unknown>");  // past the end
    CHECK(disassemble(insns, UINT32_MAX, style) == "<unknown>");
    CHECK(printed(Insn(0x07, 11, 0, 0, 0), style) == "<unknown>");
  }
}

TEST_CASE("random bytes disassemble without harm, and what prints as an instruction reads back") {
  std::mt19937_64 random(2);
  std::vector<Insn> insns(20000);
  for (Insn& insn : insns) {
    const std::uint64_t word = random();
    insn = std::bit_cast<Insn>(word);
    if (random() % 2 != 0) insn.imm = 0;
    if (random() % 2 != 0) insn.off = 0;
    if (random() % 2 != 0) insn.src = 0;
  }
  std::string text;
  std::vector<Insn> known;
  for (std::uint32_t pc = 0; pc < insns.size(); ++pc) {
    for (Style style : kStyles) CHECK_FALSE(disassemble(insns, pc, style).empty());
    const std::string line = disassemble(insns, pc);
    if (line == "<unknown>") continue;
    text += line + "\n";
    known.push_back(insns[pc]);
    if (info(*decode(insns[pc])).wide()) known.push_back(insns[pc + 1]);
  }
  CHECK(known.size() > 1000);
  const auto again = assemble(text);
  REQUIRE(again.has_value());
  CHECK(*again == known);
}

TEST_CASE("labels, comments, blanks and both styles mix") {
  const auto insns = assemble(
      "# a comment\n"
      "start: mov32 %r1, 5   ; another\n"
      "  w2 = 0x7 // a third\r\n"
      "loop:\n"
      "again:\n"
      "\tif r1 s>= r2 goto done\n"
      "r1 += -1\n"
      "goto loop\n"
      "ja32 start\n"
      "r3=-r3\n"
      "call helper\n"
      "call local helper\n"
      "ja exit\n"
      "done: exit\n"
      "helper: exit\n");
  REQUIRE(insns.has_value());
  const std::vector<Insn> expected{Insn(0xb4, 1, 0, 0, 5),  Insn(0xb4, 2, 0, 0, 7),  Insn(0x7d, 1, 2, 7, 0),
                                   Insn(0x07, 1, 0, 0, -1), Insn(0x05, 0, 0, -3, 0), Insn(0x06, 0, 0, 0, -6),
                                   Insn(0x87, 3, 0, 0, 0),  Insn(0x85, 0, 1, 0, 3),  Insn(0x85, 0, 1, 0, 2),
                                   Insn(0x05, 0, 0, 0, 0),  Insn(0x95, 0, 0, 0, 0),  Insn(0x95, 0, 0, 0, 0)};
  CHECK(*insns == expected);
  CHECK(assemble("").value().empty());
}

TEST_CASE("aliases read as the form they stand for") {
  struct Row {
    std::string_view text;
    Insn insn;
  };
  const Row rows[] = {
      {"w1 = *(u32 *)(r2 + 0x4)", Insn(0x61, 1, 2, 4, 0)},
      {"*(u8 *)(r1 - 1) = w2", Insn(0x73, 1, 2, -1, 0)},
      {"lock *(u32 *)(r1 + 0) += w2", Insn(0xc3, 1, 2, 0, 0)},
      {"lock *(u32 *)(r1 + 0) += r2", Insn(0xc3, 1, 2, 0, 0)},
      {"swap32 %r3", Insn(0xd7, 3, 0, 0, 32)},
      {"call %r4", Insn(0x8d, 4, 0, 0, 0)},
      {"callx r4", Insn(0x8d, 4, 0, 0, 0)},
      {"ldxw %r1, [%r2]", Insn(0x61, 1, 2, 0, 0)},
      {"r1 = *(u64 *)(r2)", Insn(0x79, 1, 2, 0, 0)},
      {"r1 = 0xffffffff", Insn(0xb7, 1, 0, 0, -1)},
      {"r1 = -2147483648", Insn(0xb7, 1, 0, 0, INT32_MIN)},
      {"lock fetch xor32 [%r10-8], %r1", Insn(0xc3, 10, 1, -8, 0xa1)},
  };
  for (const Row& row : rows) {
    CAPTURE(row.text);
    const auto insns = assemble(row.text);
    REQUIRE(insns.has_value());
    CHECK(*insns == std::vector{row.insn});
  }
}

TEST_CASE("an error names its line, what was seen and what is needed") {
  struct Row {
    std::string_view text;
    std::string_view message;
  };
  const Row rows[] = {
      {"frobnicate r1", "line 1: seen 'frobnicate', needed an instruction"},
      {"exit\n\nexit now", "line 3: seen 'now', needed the end of the line"},
      {"goto", "line 1: seen the end of the line, needed a label or a number"},
      {"add %r11, 5", "line 1: seen 'r11', needed a register r0 to r10"},
      {"add %r1, 0x100000000", "line 1: immediate is '0x100000000', must be -0x80000000 to 0xffffffff"},
      {"r1 += -2147483649", "line 1: immediate is '-2147483649', must be -0x80000000 to 0xffffffff"},
      {"r1 = 0x10000000000000000 ll",
       "line 1: '0x10000000000000000' is no number, must be decimal or 0x hex of up to 64 bits"},
      {"r1 = 5q", "line 1: '5q' is no number"},
      {"ldxw %r1, [%r2+32768]", "line 1: offset is '+32768', must be -0x8000 to 0x7fff"},
      {"r1 = -r2", "line 1: seen 'r2', needed r1: both name one register"},
      {"r1 = cmpxchg_64(r1 + 0x0, r0, r2)", "line 1: seen 'r1', needed r0: both name one register"},
      {"ja nowhere", "line 1: label 'nowhere' is not defined"},
      {"ja exit", "line 1: label 'exit' is not defined"},
      {"a: a: exit", "line 1: label 'a' is defined twice"},
      {"r1 = addr_space_cast(r2, 2, 0)", "line 1: addr_space_cast: imm is 131072, must be 1 or 65536"},
      {"exit\n\x01", "line 2: seen '\\x01', needed an instruction"},
      {"exit exit", "line 1: seen 'exit', needed the end of the line"},
  };
  for (const Row& row : rows) {
    CAPTURE(row.text);
    CHECK(error_of(row.text).starts_with(row.message));
  }
}

TEST_CASE("a label beyond the reach of its jump is refused, and gotol reaches it") {
  std::string far;
  for (int i = 0; i < 32768; ++i) far += "r0 = 0\n";
  far += "there: exit\n";
  CHECK(error_of("goto there\n" + far) == "line 1: label 'there' is 32768 instructions away, must be -32768 to 32767");
  CHECK(assemble("gotol there\n" + far).has_value());
}

TEST_CASE("mutated text assembles or is refused with a line, never worse") {
  std::mt19937_64 random(3);
  const Listing llvm = list_all(Style::llvm);
  const Listing mnemonic = list_all(Style::mnemonic);
  constexpr std::string_view kBytes = "rw0123456789x+-*/%&|^<>=!()[],:;#. \tabcdefgjlmnostu_\\\"'{}$~\x7f\xff";
  std::size_t refused = 0;
  for (int round = 0; round < 300; ++round) {
    std::string text;
    for (int i = 0; i < 3; ++i) {
      const auto& lines = random() % 2 != 0 ? llvm.lines : mnemonic.lines;
      text += lines[random() % lines.size()] + "\n";
    }
    for (std::uint64_t i = random() % 4; i < 4; ++i) {
      const std::size_t at = random() % text.size();
      const char byte = kBytes[random() % kBytes.size()];
      switch (random() % 3) {
        case 0:
          text[at] = byte;
          break;
        case 1:
          text.insert(at, 1, byte);
          break;
        default:
          text.erase(at, 1);
      }
    }
    const auto insns = assemble(text);
    if (insns) continue;
    ++refused;
    CAPTURE(text);
    CHECK(insns.error().where.starts_with("line "));
    CHECK(insns.error().what.size() > 10);
  }
  CHECK(refused > 100);
}

TEST_CASE("garbage and endless lines are refused without harm") {
  std::mt19937_64 random(4);
  for (int round = 0; round < 100; ++round) {
    std::string text(random() % 200 + 1, '\0');
    for (char& c : text) c = static_cast<char>(random());
    text.insert(0, "@");
    CHECK(error_of(text).starts_with("line 1: seen "));
  }
  CHECK(error_of(std::string(1 << 20, 'x')).size() < 200);
  CHECK(error_of(std::string(1 << 16, '{')).size() < 200);
  CHECK(error_of("r1 = " + std::string(1 << 20, '9')).size() < 200);
}

}  // namespace skep::isa
