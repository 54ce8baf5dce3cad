// What decodes and what does not, against rules written down from RFC 9669 and Linux' documentation, not from the
// table.
#include <doctest/doctest.h>

#include <cstdint>
#include <random>
#include <string>
#include <vector>

#include "isa/table.hpp"
#include "isa_samples.hpp"

namespace skep::isa {
namespace {

template <class... T>
bool one_of(std::int64_t value, T... values) {
  return ((value == values) || ...);
}

// RFC 9669 section 4.1 and 4.2.
bool legal_arithmetic(const Insn& i, bool is64) {
  enum { div = 3, neg = 8, mod = 9, mov = 0xb, end = 0xd };
  const unsigned code = i.opcode >> 4;
  const bool from_register = (i.opcode & 8) != 0;
  if (i.dst > 10 || code > end) return false;
  if (code == end) return !(is64 && from_register) && i.src == 0 && i.off == 0 && one_of(i.imm, 16, 32, 64);
  if (code == neg) return !from_register && i.src == 0 && i.off == 0 && i.imm == 0;
  if (code == mov && from_register && is64 && i.off == 1) return i.src <= 10 && one_of(i.imm, 1, 0x10000);
  if (from_register ? (i.src > 10 || i.imm != 0) : i.src != 0) return false;
  if (code == div || code == mod) return one_of(i.off, 0, 1);
  if (code == mov && from_register) return one_of(i.off, 0, 8, 16) || (is64 && i.off == 32);
  return i.off == 0;
}

// Section 4.3; JCOND (may_goto) and CALL with a register are Linux' and LLVM's.
bool legal_jump(const Insn& i, bool is64) {
  enum { ja = 0, call = 8, exit = 9, jcond = 0xe };
  const unsigned code = i.opcode >> 4;
  const bool from_register = (i.opcode & 8) != 0;
  const bool no_registers = i.dst == 0 && i.src == 0;
  switch (code) {
    case ja:
      return !from_register && no_registers && (is64 ? i.imm == 0 : i.off == 0);
    case call:
      if (!is64) return false;
      if (from_register) return i.dst <= 10 && i.src == 0 && i.off == 0 && i.imm == 0;
      return i.dst == 0 && ((i.src < 2 && i.off == 0) || i.src == 2);
    case exit:
      return is64 && !from_register && no_registers && i.off == 0 && i.imm == 0;
    case jcond:
      return is64 && !from_register && no_registers && i.imm == 0;
    case 0xf:
      return false;
    default:
      return i.dst <= 10 && (from_register ? i.src <= 10 && i.imm == 0 : i.src == 0);
  }
}

// Section 5; load-acquire and store-release are Linux'.
bool legal_memory(const Insn& i) {
  enum { ld = 0, ldx = 1, st = 2, stx = 3 };
  enum { imm = 0, abs = 1, ind = 2, mem = 3, memsx = 4, atomic = 6 };
  const unsigned mode = i.opcode >> 5;
  const unsigned size = (i.opcode >> 3) & 3;
  const bool word = size == 0;
  const bool double_word = size == 3;
  const bool registers = i.dst <= 10 && i.src <= 10;
  switch (i.opcode & 7) {
    case ld:
      if (mode == imm) return double_word && i.dst <= 10 && i.src <= 6 && i.off == 0;
      if (mode == abs) return !double_word && i.dst == 0 && i.src == 0 && i.off == 0;
      return mode == ind && !double_word && i.dst == 0 && i.src <= 10 && i.off == 0;
    case ldx:
      return (mode == mem || (mode == memsx && !double_word)) && registers && i.imm == 0;
    case st:
      return mode == mem && i.dst <= 10 && i.src == 0;
    default:
      if (mode == mem) return registers && i.imm == 0;
      if (mode != atomic || !registers) return false;
      if (one_of(i.imm, 0x100, 0x110)) return true;
      return (word || double_word) && (one_of(i.imm & ~1, 0x00, 0x40, 0x50, 0xa0) || one_of(i.imm, 0xe1, 0xf1));
  }
}

bool legal(const Insn& insn) {
  switch (insn.opcode & 7) {
    case 4:
    case 7:
      return legal_arithmetic(insn, (insn.opcode & 7) == 7);
    case 5:
    case 6:
      return legal_jump(insn, (insn.opcode & 7) == 5);
    default:
      return legal_memory(insn);
  }
}

/// True when decode, find_form and the rules agree on `insn`, and a form found is the insn's own by its row.
bool agrees(const Insn& insn) {
  const unsigned form = find_form(insn);
  if ((form != kFormCount) != legal(insn)) return false;
  if (form == kFormCount) return true;
  const FormInfo& row = info(static_cast<Form>(form));
  const auto fits = [](std::int64_t needed, std::int64_t seen) { return needed == kAny || needed == seen; };
  return row.opcode == insn.opcode && fits(row.src, insn.src) && fits(row.off, insn.off) && fits(row.imm, insn.imm);
}

constexpr std::int16_t kOffs[] = {0, 1, 2, -1, 4, 8, 16, 31, 32, 33, 64, INT16_MAX, INT16_MIN};
constexpr std::int32_t kImms[] = {0,    1,     2,     5,     8,     15,      16,        17,        24,
                                  31,   32,    33,    63,    64,    65,      0x40,      0x41,      0x42,
                                  0x50, 0x51,  0x60,  0xa0,  0xa1,  0xe0,    0xe1,      0xf0,      0xf1,
                                  0xff, 0x100, 0x101, 0x110, 0x111, 0x10000, INT32_MAX, INT32_MIN, -1};

}  // namespace

TEST_CASE("every opcode with every mix of reserved fields decodes exactly when the standard or Linux defines it") {
  std::size_t wrong = 0;
  for (unsigned opcode = 0; opcode < 256; ++opcode) {
    for (std::uint8_t dst : {0, 1, 10, 11, 15}) {
      for (std::uint8_t src = 0; src < 16; ++src) {
        for (std::int16_t off : kOffs) {
          for (std::int32_t imm : kImms) {
            wrong += agrees(Insn(static_cast<std::uint8_t>(opcode), dst, src, off, imm)) ? 0 : 1;
          }
        }
      }
    }
  }
  CHECK(wrong == 0);
}

TEST_CASE("every value of off, and every imm up to 16 bits, decodes exactly when it is defined") {
  std::size_t wrong = 0;
  for (unsigned opcode = 0; opcode < 256; ++opcode) {
    for (int value = INT16_MIN; value <= INT16_MAX; ++value) {
      const auto byte = static_cast<std::uint8_t>(opcode);
      wrong += agrees(Insn(byte, 0, 0, static_cast<std::int16_t>(value), 0)) ? 0 : 1;
      wrong += agrees(Insn(byte, 0, 0, 0, value)) ? 0 : 1;
    }
  }
  CHECK(wrong == 0);
}

TEST_CASE("every form decodes to itself with every sample of its operands") {
  for (const FormInfo& row : forms()) {
    CAPTURE(name(row.form));
    for (const auto& insn : test::samples(row)) {
      const auto form = decode(insn[0]);
      REQUIRE(form.has_value());
      CHECK(*form == row.form);
    }
  }
}

TEST_CASE("decode names form, field, what it saw and what it needs") {
  struct Row {
    Insn insn;
    std::string_view what;
  };
  const Row rows[] = {
      {Insn(0x8e, 0, 0, 0, 0), "opcode 0x8e is not assigned"},
      {Insn(0x00, 0, 0, 0, 0), "opcode 0x00 is not assigned"},
      {Insn(0xbf, 1, 2, 0, 7), "mov64_reg: imm is 7, must be 0"},
      {Insn(0xbf, 1, 2, 7, 0), "mov64_reg: off is 7, must be 0 or 8 or 16 or 32"},
      {Insn(0xbf, 1, 2, 1, 2), "addr_space_cast: imm is 2, must be 1 or 65536"},
      {Insn(0x07, 11, 0, 0, 0), "add64_imm: dst is r11, must be r0 to r10"},
      {Insn(0x0f, 1, 15, 0, 0), "add64_reg: src is r15, must be r0 to r10"},
      {Insn(0x07, 1, 2, 0, 0), "add64_imm: src is 2, must be 0"},
      {Insn(0x05, 3, 0, 1, 0), "ja: dst is 3, must be 0"},
      {Insn(0x85, 0, 3, 0, 1), "call_helper: src is 3, must be 0 or 1 or 2"},
      {Insn(0xd4, 1, 0, 0, 8), "le16: imm is 8, must be 16 or 32 or 64"},
      {Insn(0xd3, 1, 2, 0, 0), "load_acquire_b: imm is 0, must be 256 or 272"},
      {Insn(0x61, 1, 2, 0, -1), "ldx_w: imm is -1, must be 0"},
  };
  for (const Row& row : rows) {
    const auto form = decode(row.insn);
    REQUIRE_FALSE(form.has_value());
    CHECK(form.error().what == row.what);
    CHECK(form.error().where.empty());
  }
}

TEST_CASE("a refusal always gives a reason") {
  std::mt19937_64 random(1);
  for (int i = 0; i < 100000; ++i) {
    const std::uint64_t word = random();
    const Insn insn(static_cast<std::uint8_t>(word), (word >> 8) & 15, (word >> 12) & 15,
                    static_cast<std::int16_t>(word >> 16), static_cast<std::int32_t>(word >> 32));
    const auto form = decode(insn);
    if (!form) CHECK(form.error().what.size() > 10);
    CHECK(form.has_value() == legal(insn));
  }
}

TEST_CASE("an immediate shift beyond the width decodes") {
  CHECK(decode(Insn(0x67, 1, 0, 0, 64)).has_value());
  CHECK(decode(Insn(0x64, 1, 0, 0, -1)).has_value());
}

TEST_CASE("check refuses a program that is not whole, and says where and why") {
  const Insn exit(0x95, 0, 0, 0, 0);
  const Insn mov(0xb7, 0, 0, 0, 0);
  const Insn lddw(0x18, 1, 0, 0, 5);
  struct Row {
    std::vector<Insn> insns;
    std::string_view message;
  };
  const Row rows[] = {
      {{}, "program: has no instructions, must have at least one"},
      {{mov}, "insn 0: the program ends in mov64_imm, must end in exit or a jump"},
      {{mov, Insn(0x15, 0, 0, -1, 0)}, "insn 1: the program ends in jeq64_imm, must end in exit or a jump"},
      {{mov, Insn(0x8e, 0, 0, 0, 0), exit}, "insn 1: opcode 0x8e is not assigned"},
      {{lddw}, "insn 0: lddw_imm: the program ends before its second slot"},
      {{lddw, exit}, "insn 0: lddw_imm: second slot has opcode 0x95, dst 0, src 0, off 0, all must be 0"},
      {{lddw, Insn(0, 1, 0, 0, 0), exit},
       "insn 0: lddw_imm: second slot has opcode 0x00, dst 1, src 0, off 0, all must be 0"},
      {{Insn(0x18, 1, 1, 0, 5), Insn(0, 0, 0, 0, 1), exit}, "insn 0: lddw_map: second slot has imm 1, must be 0"},
      {{Insn(0x05, 0, 0, 1, 0), exit}, "insn 0: ja: target is insn 2, the program has insns 0 to 1"},
      {{Insn(0x05, 0, 0, -2, 0), exit}, "insn 0: ja: target is insn -1, the program has insns 0 to 1"},
      {{Insn(0x06, 0, 0, 0, INT32_MAX), exit},
       "insn 0: gotol: target is insn 2147483648, the program has insns 0 to 1"},
      {{Insn(0x85, 0, 1, 0, 7), exit}, "insn 0: call_subprog: target is insn 8, the program has insns 0 to 1"},
      {{Insn(0x18, 1, 4, 0, 9), Insn(0, 0, 0, 0, 0), exit},
       "insn 0: lddw_func: target is insn 10, the program has insns 0 to 2"},
      {{Insn(0x05, 0, 0, 1, 0), lddw, Insn(0, 0, 0, 0, 0), exit},
       "insn 0: ja: target insn 2 is the second slot of an lddw, must be the first slot of an instruction"},
  };
  for (const Row& row : rows) {
    const auto result = check(row.insns);
    REQUIRE_FALSE(result.has_value());
    CHECK(result.error().message() == row.message);
  }
  CHECK(check(std::vector{mov, exit}).has_value());
  CHECK(check(std::vector{lddw, Insn(0, 0, 0, 0, -1), exit}).has_value());
  CHECK(check(std::vector{mov, exit, Insn(0x05, 0, 0, -3, 0)}).has_value());
}

TEST_CASE("jump_target counts from the next instruction, in off or in imm") {
  const auto target = [](const Insn& insn) { return jump_target(insn, info(*decode(insn)), 10); };
  CHECK(target(Insn(0x05, 0, 0, 3, 0)) == 14);
  CHECK(target(Insn(0x06, 0, 0, 0, -12)) == -1);
  CHECK(target(Insn(0x15, 1, 0, -1, 99)) == 10);
  CHECK(target(Insn(0xe5, 0, 0, 2, 0)) == 13);
  CHECK(target(Insn(0x85, 0, 1, 0, 5)) == 16);
  CHECK(target(Insn(0x85, 0, 0, 0, 5)) == 11);
  CHECK(target(Insn(0x18, 1, 4, 0, 5)) == 16);
  CHECK(target(Insn(0xb7, 1, 0, 0, 5)) == 11);
}

}  // namespace skep::isa
