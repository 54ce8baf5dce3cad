// What the walk over proven code chooses for every operation with every pair of registers, with constants and offsets
// around where encodings change: on the JIT and on the interpreter, and taken apart by a decoder that is not ours.
#include <doctest/doctest.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "encoding/proven_bench.hpp"
#include "encoding/proven_memory.hpp"
#include "isa/table.hpp"

using namespace skep;
using namespace skep::encoding;

namespace {

constexpr std::array<std::int32_t, 40> kConstants{
    0,          1,    2,    3,     5,        7,         10,        31,
    32,         63,   64,   100,   127,      128,       129,       255,
    256,        257,  641,  32767, 32768,    65535,     65536,     -1,
    -2,         -127, -128, -129,  1000003,  INT32_MAX, INT32_MIN, INT32_MIN + 1,
    0x40000000, 4095, 4096, -4096, 0xff00ff, -3,        -7,        14};

bool skipped() {
  if (Executable::has_jit()) return false;
  MESSAGE("SKIP: no JIT for this processor");
  return true;
}

bool shifts(const isa::FormInfo& row) {
  using enum isa::Operation;
  return row.operation == lsh_ || row.operation == rsh_ || row.operation == arsh_;
}
bool divides(const isa::FormInfo& row) {
  using enum isa::Operation;
  return row.operation == div_ || row.operation == mod_ || row.operation == sdiv_ || row.operation == smod_;
}

/// Constants that the verifier lets the row have.
template <class Visit>
void for_each_constant(const isa::FormInfo& row, const Visit& visit) {
  for (const std::int32_t imm : kConstants) {
    if (shifts(row) && (imm < 0 || imm >= static_cast<std::int32_t>(row.width()))) continue;
    if (divides(row) && imm == 0) continue;
    visit(imm);
  }
}

void arithmetic(ProvenBench& bench) {
  for (unsigned dst = 0; dst < kRegs; ++dst) {
    Batch batch(bench, {dst});
    for_each_row(isa::Operands::dst, [&](const isa::FormInfo& row) { batch.add({insn_of(row, dst, 0, 0, 0)}); });
    for_each_row(isa::Operands::dst_imm, [&](const isa::FormInfo& row) {
      const unsigned unset = row.operation == isa::Operation::mov_ ? 1u << dst : 0;
      for_each_constant(row, [&](std::int32_t imm) { batch.add({insn_of(row, dst, 0, 0, imm)}, {.unset = unset}); });
    });
    for (unsigned src = 0; src < kRegs; ++src) {
      Batch two(bench, {dst, src});
      Batch division(bench, {dst, src}, 2);  // each of them goes two or three ways
      for_each_row(isa::Operands::dst_src, [&](const isa::FormInfo& row) {
        (divides(row) ? division : two).add({insn_of(row, dst, src, 0, 0)});
      });
    }
  }
}

/// Moves and what follows them: forms with three operands, sums, rotations, bits that are cut off on both sides.
void put_off(ProvenBench& bench) {
  for (unsigned d = 0; d < kRegs; ++d)
    for (unsigned s = 0; s < kRegs; ++s) {
      const unsigned other = (d + 2 * s + 1) % kRegs;
      Batch batch(bench, {d, s, other});
      for (const unsigned wide : {0u, 3u}) {
        const auto op = [&](unsigned opcode, unsigned dst, unsigned src, std::int32_t imm) {
          return insn(opcode + wide, dst, src, 0, imm);
        };
        const std::int32_t width = wide == 0 ? 32 : 64;
        const Insn copied = op(0xbc, d, s, 0);
        for (const unsigned x : {d, s, other})
          for (const unsigned by_register : {0x0cu, 0x6cu, 0x7cu, 0xccu, 0x2cu, 0x1cu, 0x4cu, 0x5cu, 0xacu})
            batch.add({copied, op(by_register, d, x, 0)});
        // Every other constant, with every other pair.
        for (std::size_t i = (d + s) % 2; i < kConstants.size(); i += 2)
          for (const unsigned by_constant : {0x04u, 0x24u, 0x14u, 0x54u, 0x44u, 0xa4u})
            batch.add({copied, op(by_constant, d, 0, kConstants[i])});
        for (const std::int32_t by : {0, 1, 2, 3, 4, width - 1}) {
          batch.add({copied, op(0x64, d, 0, by), op(0x0c, d, other, 0)});
          batch.add({copied, op(0x64, d, 0, by), op(0x0c, d, other, 0), op(0x04, d, 0, by % 2 == 0 ? -129 : 127)});
          batch.add({copied, op(0x74, d, 0, by), op(0x54, d, 0, 0xff)});
          // Both wait for the same when they are added, and nobody asks for the second any longer.
          if (d != s)
            batch.add({copied, op(0x64, d, 0, by), op(0x64, s, 0, by), op(0x0c, d, s, 0)}, {.hidden = 1u << s});
        }
        for (const std::int32_t by : {1, 8, width - 1})
          for (const unsigned join : {0x4cu, 0x0cu, 0xacu})
            for (const bool copy_left : {false, true}) {
              const Insn of_copy = op(copy_left ? 0x64 : 0x74, d, 0, by);
              const Insn of_original = op(copy_left ? 0x74 : 0x64, s, 0, width - by);
              batch.add({copied, of_copy, of_original, op(join, d, s, 0)});
              batch.add({copied, of_original, of_copy, op(join, s, d, 0)});
            }
        for (const std::int32_t by : {1, 7, 16, width - 1})
          for (const unsigned join : {0x4cu, 0x0cu, 0xacu}) {
            if (d == s || other == s || other == d) continue;
            batch.add({copied, op(0xbc, other, s, 0), op(0x64, d, 0, by), op(0x74, other, 0, width - by),
                       op(join, d, other, 0)},
                      {.unset = 1u << d | 1u << other, .hidden = 1u << other});
          }
        for (const std::int32_t bits : {8, 16, 24, 32, 48})
          for (const unsigned back : {0x74u, 0xc4u})
            if (bits < width) batch.add({copied, op(0x64, d, 0, width - bits), op(back, d, 0, width - bits)});
        for (const std::int32_t imm : {-1, 127, 128, INT32_MIN}) {
          const Insn number = op(0xb4, d, 0, imm);
          const Batch::But but{.unset = d == other || d == s ? 0u : 1u << d};
          for (const unsigned by_register : {0x0cu, 0x2cu, 0x1cu, 0x4cu, 0x5cu, 0xacu})
            if (d != other) batch.add({number, op(by_register, other, d, 0)}, but);
        }
      }
    }
}

/// Constants of every length, one byte more than fits and one less.
void numbers(ProvenBench& bench) {
  for (unsigned dst = 0; dst < kRegs; ++dst) {
    Batch batch(bench, {dst});
    for (unsigned bits = 0; bits <= 64; ++bits)
      for (const std::uint64_t flip : {std::uint64_t{0}, ~std::uint64_t{0}}) {
        const std::uint64_t value = (bits == 64 ? ~std::uint64_t{0} : (std::uint64_t{1} << bits) - 1) ^ flip;
        batch.add({insn(0x18, dst, 0, 0, static_cast<std::int32_t>(value)),
                   insn(0, 0, 0, 0, static_cast<std::int32_t>(value >> 32))},
                  {.unset = 1u << dst});
      }
  }
}

void branches(ProvenBench& bench) {
  constexpr unsigned kMost = 8;
  for (unsigned dst = 0; dst < kRegs; ++dst) {
    Batch batch(bench, {dst}, kMost);
    for_each_row(isa::Operands::compare_imm, [&](const isa::FormInfo& row) {
      for (const std::int32_t imm : kConstants) batch.add_branch({insn_of(row, dst, 0, 0, imm)});
    });
    // Bits that are asked for one by one, or as what is left of them.
    for (const unsigned wide : {0u, 3u})
      for (const unsigned jump : {0x15u, 0x16u, 0x55u, 0x56u})
        for (const std::int32_t imm : {1, 127, 128, 255, 65535, INT32_MAX, INT32_MIN, -128})
          batch.add_branch({insn(0x54 + wide, dst, 0, 0, imm), insn(jump, dst, 0, 0, 0)});
    for (unsigned src = 0; src < kRegs; ++src) {
      if (src == dst) continue;  // decided before
      Batch two(bench, {dst, src}, kMost);
      for_each_row(isa::Operands::compare_src, [&](const isa::FormInfo& row) {
        two.add_branch({insn_of(row, dst, src, 0, 0)});
        two.add_branch({move(dst, src), insn(0x07, dst, 0, 0, 129), insn_of(row, dst, src, 0, 0)});
      });
    }
  }
}

/// A branch around one move is none.
void selects(ProvenBench& bench) {
  for (unsigned dst = 0; dst < kRegs; ++dst)
    for (unsigned src = 0; src < kRegs; ++src) {
      if (src == dst) continue;
      Batch batch(bench, {dst, src}, 4);
      for (const Insn moved : {move(dst, src), insn(0xbc, dst, src, 0, 0), insn(0xb7, dst, 0, 0, -1),
                               insn(0xb4, dst, 0, 0, -1), insn(0xb7, dst, 0, 0, 0)}) {
        batch.add({insn(0x2d, src, dst, 1, 0), moved});
        batch.add({insn(0xae, src, dst, 1, 0), moved});
        batch.add({insn(0x45, src, 0, 1, 129), moved});
        batch.add({insn(0x65, src, 0, 1, -129), moved});
      }
    }
}

/// Jumps over so many bytes as to need each kind of displacement; backwards, in a loop that runs three times.
void distances(ProvenBench& bench) {
  constexpr unsigned kCounter = 6, kValue = 7, kOther = 8, kPointer = 9;
  const auto value = [&](const std::vector<Insn>& body, bool back) {
    std::vector<Insn> program;
    ProvenBench::append_address(program, kPointer, ProvenBench::kMiddle);
    program.push_back(load(kValue, kPointer, 8));
    program.push_back(load(kOther, kPointer, 16));
    const int count = static_cast<int>(body.size());
    if (back)
      program.push_back(insn(0xb7, kCounter, 0, 0, 3));
    else
      program.push_back(insn(0x2d, kValue, kOther, count, 0));
    program.insert(program.end(), body.begin(), body.end());
    if (back) program.push_back(insn(0x07, kCounter, 0, 0, -1));
    if (back) program.push_back(insn(0x55, kCounter, 0, -count - 2, 0));
    program.push_back(store(kPointer, 24, kValue));
    program.push_back(insn(0xb7, 0, 0, 0, 0));
    program.push_back(insn(0x95, 0, 0, 0, 0));
    bench.check(program, back ? Look::contract : Look::whole);
  };
  // Multiplications of three, four and seven bytes on x86-64; nothing is put off.
  for (int fours = 20; fours < 40; ++fours)
    for (int others = 0; others < 4; ++others) {
      std::vector<Insn> body;
      for (int i = 0; i < fours; ++i) body.push_back(insn(0x2f, kValue, kOther, 0, 0));
      for (int i = 0; i < others; ++i) body.push_back(insn(0x27, kValue, 0, 0, i % 2 == 0 ? 1000003 : 7));
      value(body, false);
      value(body, true);
    }
  for (const int count : {1000, 9000}) {
    const std::vector<Insn> body(static_cast<std::size_t>(count), insn(0x27, kValue, 0, 0, 1000003));
    value(body, false);
    value(body, true);
  }
}

/// Loops that become other loops: copies and sums of every size, upwards and with the counter downwards.
void loops(ProvenBench& bench) {
  constexpr std::array<unsigned, 4> kSizes{0x10, 0x08, 0x00, 0x18};
  for (const bool copies : {true, false})
    for (const unsigned size : kSizes)
      for (const int count : {1, 3, 8, 33, 100})
        for (unsigned first = 0; first < kRegs; ++first) {
          const auto reg = [&](unsigned i) { return (first + i) % kRegs; };
          const unsigned from = reg(0), to = reg(1), counter = reg(2), value = reg(3), total = reg(4);
          const int bytes = size == 0x10 ? 1 : size == 0x08 ? 2 : size == 0x00 ? 4 : 8;
          std::vector<Insn> program;
          ProvenBench::append_address(program, from, 8192);
          ProvenBench::append_address(program, to, 16384 + first);
          program.push_back(insn(0xb7, counter, 0, 0, first % 2 == 0 ? 0 : count));
          program.push_back(insn(0xb7, total, 0, 0, 0));
          const int start = static_cast<int>(program.size());
          program.push_back(insn(0x61 + size, value, from, 0, 0));
          program.push_back(copies ? insn(0x63 + size, to, value, 0, 0) : insn(0x0c, total, value, 0, 0));
          program.push_back(insn(0x07, from, 0, 0, bytes));
          if (copies) program.push_back(insn(0x07, to, 0, 0, bytes));
          program.push_back(insn(0x07, counter, 0, 0, first % 2 == 0 ? 1 : -1));
          const int back = start - static_cast<int>(program.size()) - 1;
          program.push_back(insn(0x55, counter, 0, back, first % 2 == 0 ? count : 0));
          ProvenBench::append_address(program, to, 32768);
          program.push_back(store(to, 0, total));
          program.push_back(insn(0xb7, 0, 0, 0, 0));
          program.push_back(insn(0x95, 0, 0, 0, 0));
          bench.check(program, Look::contract);
        }
}

}  // namespace

TEST_CASE("proven arithmetic with every pair of registers and every kind of constant is the interpreter's") {
  if (skipped()) return;
  ProvenBench bench;
  arithmetic(bench);
  numbers(bench);
  CHECK(bench.agrees());
}

TEST_CASE("what is put off is the interpreter's for every pair of registers") {
  if (skipped()) return;
  ProvenBench bench;
  put_off(bench);
  CHECK(bench.agrees());
}

TEST_CASE("proven branches with every pair of registers and every kind of constant are the interpreter's") {
  if (skipped()) return;
  ProvenBench bench;
  branches(bench);
  selects(bench);
  CHECK(bench.agrees());
}

TEST_CASE("proven access to memory with every pair of registers and offsets around every edge is the interpreter's") {
  if (skipped()) return;
  ProvenBench bench;
  SUBCASE("loads and stores") { accesses(bench); }
  SUBCASE("atomics") { atomics(bench); }
  SUBCASE("addresses that are sums") { addresses(bench); }
  SUBCASE("frames") { frames(bench); }
  SUBCASE("numbers put together from bytes") { assembled(bench); }
  SUBCASE("packets") { packets(bench); }
  SUBCASE("rows of numbers") { rows_of_numbers(bench); }
  CHECK(bench.agrees());
}

TEST_CASE("jumps over distances around every edge, loops, look-ups and updates are the interpreter's") {
  if (skipped()) return;
  ProvenBench bench;
  distances(bench);
  loops(bench);
  lookups(bench);
  updates(bench);
  CHECK(bench.agrees());
}

TEST_CASE("proven code of which one bit is another no longer decodes as what was asked for") {
  if (skipped()) return;
  std::string why;
  const auto decoder = make_decoder(why);
  if (decoder == nullptr) {
    MESSAGE("SKIP: ", why);
    return;
  }
  std::vector<Built> whole;
  {
    // Few of each kind are enough, from all over the pairs of registers.
    ProvenBench bench(211);
    bench.collect_into(whole);
    arithmetic(bench);
    put_off(bench);
    branches(bench);
    accesses(bench);
    addresses(bench);
    atomics(bench);
    assembled(bench);
    packets(bench);
  }
  constexpr std::size_t kStep = 97;  // of the bits, one in so many: all bits of bytes, in turn
  std::vector<Built> changed;
  for (const Built& built : whole) {
    // Neither the way in nor what detours share is the program's.
    const auto is_program = [](const MachineCode::Part& part) {
      return part.role == MachineCode::Role::prologue || part.role == MachineCode::Role::insn;
    };
    const auto first = std::find_if(built.parts.begin(), built.parts.end(), is_program);
    const auto last = std::find_if_not(first, built.parts.end(), is_program);
    const std::size_t end = last == built.parts.end() ? built.bytes.size() : last->from_bytes;
    for (std::size_t bit = 8 * first->from_bytes + changed.size() % kStep; bit < 8 * end; bit += kStep) {
      changed.push_back(built);
      changed.back().bytes[bit / 8] ^= std::byte{1} << (bit % 8);
    }
  }
  Agreement agreement(*decoder);
  std::vector<std::span<const std::byte>> codes;
  for (const Built& built : whole) codes.emplace_back(built.bytes);
  decoder->expect(codes);
  for (const Built& built : whole) CHECK(!agreement.find_fault(built));
  codes.clear();
  for (const Built& built : changed) codes.emplace_back(built.bytes);
  decoder->expect(codes);
  const auto noticed = static_cast<std::size_t>(std::count_if(
      changed.begin(), changed.end(), [&](const auto& built) { return agreement.find_fault(built).has_value(); }));
  MESSAGE(noticed, " of ", changed.size(), " changes in ", whole.size(), " programs noticed");
  CHECK(!changed.empty());
  CHECK(noticed * 100 >= changed.size() * 95);
}
