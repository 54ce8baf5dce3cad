// Every operation with every pair of registers and with constants and offsets around where encodings change, on the JIT
// and on the interpreter: all registers and the memory around must come out the same. The interpreter's operations are
// tested against Linux (tests/differential) and the public conformance files. All of the code is taken apart by a
// decoder that is not ours, too, and what the operation became must say what the operation means (tests/encoding).
#include <doctest/doctest.h>

#include <algorithm>
#include <array>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include <skep/skep.hpp>

#include "encoding/agreement.hpp"
#include "encoding/decoding.hpp"
#include "isa/table.hpp"

using namespace skep;

namespace {

constexpr unsigned kRegs = 10;
constexpr std::int64_t kWords = 64;  // of memory; accesses go to its middle
using Memory = std::array<std::uint64_t, kWords>;

constexpr std::int16_t kSavedContext = -8;  // stack slots
constexpr std::int16_t slot(unsigned reg) { return static_cast<std::int16_t>(-16 - 8 * static_cast<int>(reg)); }

constexpr std::uint8_t as_field(unsigned reg) { return static_cast<std::uint8_t>(reg & 15); }
Insn move(unsigned dst, unsigned src) { return {0xbf, as_field(dst), as_field(src), 0, 0}; }
Insn load(unsigned dst, unsigned base, int off) {
  return {0x79, as_field(dst), as_field(base), static_cast<std::int16_t>(off), 0};
}
Insn store(unsigned base, int off, unsigned src) {
  return {0x7b, as_field(base), as_field(src), static_cast<std::int16_t>(off), 0};
}

constexpr std::uint32_t kBefore = 2 + kRegs;  // slots that around() puts before what is tested

/// Registers from memory, the instructions, registers to memory.
std::vector<Insn> around(const std::vector<Insn>& tested) {
  std::vector<Insn> insns{store(10, kSavedContext, 1), move(0, 1)};
  for (unsigned reg = 1; reg < kRegs; ++reg) insns.push_back(load(reg, 0, static_cast<int>(8 * reg)));
  insns.push_back(load(0, 0, 0));
  insns.insert(insns.end(), tested.begin(), tested.end());
  for (unsigned reg = 0; reg < kRegs; ++reg) insns.push_back(store(10, slot(reg), reg));
  insns.push_back(load(1, 10, kSavedContext));
  for (unsigned reg = 0; reg < kRegs; ++reg) {
    insns.push_back(load(2, 10, slot(reg)));
    insns.push_back(store(1, static_cast<int>(8 * reg), 2));
  }
  insns.push_back({0x95, 0, 0, 0, 0});
  return insns;
}

/// Some sets of starting registers: edges of all widths, shift counts, divisors.
std::vector<Memory> inputs() {
  constexpr std::uint64_t kMin = std::uint64_t{1} << 63;
  constexpr std::array<std::uint64_t, 17> kEdges{
      0,  1,  ~0ull, kMin,       kMin - 1,           0x80000000, 0x7fffffff, 0xffffffff,        0x100000000,
      31, 32, 63,    0xffffff80, 0xffffffff80000000, 7,          0x8000,     0x1234567890abcdef};
  std::vector<Memory> all(6);
  std::size_t next = 0;
  for (Memory& memory : all)
    for (std::uint64_t& word : memory) word = kEdges[next++ * 7 % kEdges.size()];
  return all;
}

encoding::Built looked_at(const std::vector<Insn>& program, std::size_t tested, const MachineCode& code) {
  return {program,
          kBefore,
          kBefore + static_cast<std::uint32_t>(tested),
          {code.bytes.begin(), code.bytes.end()},
          code.parts};
}

class Compared {
 public:
  /// Runs on both engines; with and without guards on the JIT, every other guarded one blinded.
  void check(const std::vector<Insn>& tested, bool guarded_only = false) {
    if (asked_++ % every_ != 0) return;
    const std::vector<Insn> insns = around(tested);
    const auto program = Program::from_insns(insns);
    REQUIRE(program);
    const auto build = [&](Mode mode, Engine engine, std::optional<bool> blind = {}) {
      auto built = Executable::build(
          *program, {.mode = mode, .engine = engine, .keep_code_map = engine == Engine::jit, .blind = blind});
      REQUIRE_MESSAGE(built, built.error().message());
      if (engine == Engine::jit) decoding_.add(looked_at(insns, tested.size(), *built->machine_code()));
      return *built;
    };
    const Executable slow = build(Mode::guarded, Engine::interpreter);
    blind_ = !blind_;
    const Executable guarded = build(Mode::guarded, Engine::jit, blind_);
    const Executable free = guarded_only ? guarded : build(Mode::unguarded, Engine::jit);
    for (const Memory& input : inputs()) {
      const Outcome expected = run(slow, input);
      for (const Executable* jit : {&guarded, &free}) {
        const Outcome got = run(*jit, input);
        ++count_;
        if (got.kind == expected.kind && got.memory == expected.memory) continue;
        ++different_;
        if (different_ > 3) continue;
        const Insn& insn = tested.back();
        MESSAGE("opcode ", unsigned{insn.opcode}, " r", unsigned{insn.dst}, " r", unsigned{insn.src}, " off ", insn.off,
                " imm ", insn.imm, jit == &guarded ? " guarded" : " unguarded");
      }
    }
  }
  [[nodiscard]] std::uint64_t count() const { return count_; }
  [[nodiscard]] std::uint64_t different() const { return different_; }
  [[nodiscard]] bool decodes() { return decoding_.agrees(); }

 private:
  struct Outcome {
    FaultKind kind;
    Memory memory;
  };
  Outcome run(const Executable& executable, const Memory& input) {
    memory_ = input;
    RawContext context{std::as_writable_bytes(std::span(memory_))};
    const RunResult result = executable.run(context);
    return {result.fault_kind(), memory_};
  }

  alignas(16) Memory memory_{};  // one place for all runs: addresses are the same
  std::uint64_t every_ = encoding::every();
  std::uint64_t asked_ = 0;
  bool blind_ = false;
  std::uint64_t count_ = 0;
  std::uint64_t different_ = 0;
  encoding::Decoding decoding_;
};

constexpr std::array<std::int32_t, 28> kConstants{-3,  -7,    0,     1,  2,    3,    5,    7,      9,   10,
                                                  31,  32,    63,    64, 100,  127,  128,  129,    255, 256,
                                                  641, 65535, 65536, -1, -127, -128, -129, 1000003};
constexpr std::array<std::int32_t, 10> kStored{-2, 0, 1, 127, 128, -128, -129, INT32_MAX, INT32_MIN, 0x12345678};
constexpr std::array<std::int32_t, 4> kExtremes{INT32_MAX, INT32_MIN, INT32_MIN + 1, 0x40000000};
// Edges of arm64's immediates: 12 bits, 12 bits shifted by 12, patterns of bits, halves.
constexpr std::array<std::int32_t, 8> kPatterns{4095,      4096,     -4096,      0xfff000,
                                                0x1000000, 0xff00ff, 0x55555555, 0x12345678};

template <class Visit>
void for_each_constant(const Visit& visit) {
  for (const std::int32_t imm : kConstants) visit(imm);
  for (const std::int32_t imm : kExtremes) visit(imm);
  for (const std::int32_t imm : kPatterns) visit(imm);
}

Insn insn_of(const isa::FormInfo& row, unsigned dst, unsigned src, int off, std::int32_t imm) {
  Insn insn{row.opcode, as_field(dst), as_field(src), static_cast<std::int16_t>(off), imm};
  if (row.src != isa::kAny) insn.src = as_field(static_cast<unsigned>(row.src));
  if (row.off != isa::kAny) insn.off = static_cast<std::int16_t>(row.off);
  if (row.imm != isa::kAny) insn.imm = static_cast<std::int32_t>(row.imm);
  return insn;
}

bool skipped() {
  if (Executable::has_jit()) return false;
  MESSAGE("SKIP: no JIT for this processor");
  return true;
}

}  // namespace

TEST_CASE("arithmetic with every pair of registers and every kind of constant is the interpreter's") {
  if (skipped()) return;
  Compared compared;
  for (const isa::FormInfo& row : isa::forms()) {
    if (row.operation == isa::Operation::call_) continue;
    for (unsigned dst = 0; dst < kRegs; ++dst) {
      if (row.operands == isa::Operands::dst) compared.check({insn_of(row, dst, 0, 0, 0)});
      if (row.operands == isa::Operands::dst_imm)
        for_each_constant([&](std::int32_t imm) { compared.check({insn_of(row, dst, 0, 0, imm)}); });
      if (row.operands == isa::Operands::dst_src)
        for (unsigned src = 0; src < kRegs; ++src) compared.check({insn_of(row, dst, src, 0, 0)});
    }
  }
  MESSAGE("arithmetic: ", compared.count(), " runs compared");
  CHECK(compared.different() == 0);
  CHECK(compared.decodes());
}

TEST_CASE("branches with every pair of registers and every kind of constant, near and far, are the interpreter's") {
  if (skipped()) return;
  Compared compared;
  const auto branch = [&](Insn insn, int distance) {
    std::vector<Insn> tested;
    // Taken or not shows in r0; what lies between is long enough to need each kind of displacement.
    insn.off = static_cast<std::int16_t>(distance);
    tested.push_back(insn);
    for (int i = 0; i < distance; ++i) tested.push_back({0x07, 0, 0, 0, 1000003});
    compared.check(tested);
  };
  for (const isa::FormInfo& row : isa::forms()) {
    for (unsigned dst = 0; dst < kRegs; ++dst) {
      if (row.operands == isa::Operands::compare_imm)
        for_each_constant([&](std::int32_t imm) { branch(insn_of(row, dst, 0, 1, imm), 1); });
      if (row.operands == isa::Operands::compare_src)
        for (unsigned src = 0; src < kRegs; ++src) branch(insn_of(row, dst, src, 1, 0), src % 2 == 0 ? 1 : 40);
    }
  }
  for (int distance = 1; distance < 40; ++distance) branch({0x15, 3, 0, 0, 0}, distance);
  MESSAGE("branches: ", compared.count(), " runs compared");
  CHECK(compared.different() == 0);
  CHECK(compared.decodes());
}

TEST_CASE("a branch around one move is the interpreter's for every pair of registers") {
  if (skipped()) return;
  Compared compared;
  for (unsigned dst = 0; dst < kRegs; ++dst)
    for (unsigned src = 0; src < kRegs; ++src)
      for (const Insn move : {Insn(0xbf, as_field(dst), as_field(src), 0, 0),
                              Insn(0xbc, as_field(dst), as_field(src), 0, 0), Insn(0xb7, as_field(dst), 0, 0, -1),
                              Insn(0xb4, as_field(dst), 0, 0, -1), Insn(0xb7, as_field(dst), 0, 0, 0)}) {
        compared.check({Insn(0x2d, as_field(src), as_field(dst), 1, 0), move});
        compared.check({Insn(0x45, as_field(src), 0, 1, 1), move});
      }
  CHECK(compared.different() == 0);
  CHECK(compared.decodes());
}

TEST_CASE("what may be fused is the interpreter's for every pair of registers") {
  if (skipped()) return;
  Compared compared;
  constexpr int kMiddle = static_cast<int>(kWords / 2 * 8);
  for (unsigned d = 0; d < kRegs; ++d)
    for (unsigned s = 0; s < kRegs; ++s) {
      const unsigned other = (d + 2 * s + 1) % kRegs;
      for (const std::uint8_t wide : {std::uint8_t{0}, std::uint8_t{3}}) {
        const auto op = [&](unsigned opcode, unsigned dst, unsigned src, std::int32_t imm) {
          return Insn(static_cast<std::uint8_t>(opcode + wide), as_field(dst), as_field(src), 0, imm);
        };
        const Insn copied = op(0xbc, d, s, 0);
        const std::int32_t width = wide == 0 ? 32 : 64;
        for (const unsigned x : {d, s, other}) {
          for (const unsigned by_register : {0x0cu, 0x6cu, 0x7cu, 0xccu, 0x2cu, 0x1cu})
            compared.check({copied, op(by_register, d, x, 0)});
        }
        for (const std::int32_t imm : {1, -1, 127, -128, 1000003})
          for (const unsigned by_constant : {0x04u, 0x24u, 0x14u, 0x54u})
            compared.check({copied, op(by_constant, d, 0, imm)});
        for (const std::int32_t by : {1, 7, 31, width - 1})
          for (const unsigned join : {0x4cu, 0x0cu, 0xacu})
            for (const bool copy_left : {false, true})
              for (const bool copy_first : {false, true})
                for (const bool into_copy : {false, true}) {
                  const Insn of_copy = op(copy_left ? 0x64 : 0x74, d, 0, by);
                  const Insn of_original = op(copy_left ? 0x74 : 0x64, s, 0, width - by);
                  compared.check({copied, copy_first ? of_copy : of_original, copy_first ? of_original : of_copy,
                                  into_copy ? op(join, d, s, 0) : op(join, s, d, 0)});
                }
      }
      // An address made of two registers, or of a register and a constant, under a load that overwrites it.
      if (s == d) continue;
      for (const std::uint8_t size : {std::uint8_t{0x71}, std::uint8_t{0x69}, std::uint8_t{0x61}, std::uint8_t{0x79}})
        for (const int off : {0, 5, -130}) {
          const Insn start = load(s, 10, kSavedContext);
          const Insn last{size, as_field(d), as_field(d), static_cast<std::int16_t>(off), 0};
          const Insn copy = move(d, s);
          compared.check({start, copy, {0x07, as_field(d), 0, 0, kMiddle}, last});
          if (other == d || other == s) continue;
          const Insn distance{0xb7, as_field(other), 0, 0, kMiddle};
          compared.check({start, distance, copy, {0x0f, as_field(d), as_field(other), 0, 0}, last});
          compared.check({start, move(d, s), distance, {0x0f, as_field(d), as_field(other), 0, 0}, last});
        }
    }
  MESSAGE("fused: ", compared.count(), " runs compared");
  CHECK(compared.different() == 0);
  CHECK(compared.decodes());
}

TEST_CASE("memory access with every pair of registers and every offset around an edge is the interpreter's") {
  if (skipped()) return;
  Compared compared;
  constexpr int kMiddle = static_cast<int>(kWords / 2 * 8);
  for (const isa::FormInfo& row : isa::forms()) {
    const bool loads = row.operands == isa::Operands::load;
    const bool stores = row.operands == isa::Operands::store_imm || row.operands == isa::Operands::store_src;
    const bool atomic = row.operands == isa::Operands::atomic;
    if (!loads && !stores && !atomic) continue;
    for (unsigned base = 0; base < kRegs; ++base)
      for (unsigned other = 0; other < kRegs; ++other) {
        for (const int off : {0, 8, -8, 120, 127, 128, -128, -129, 255, 256, -256, -257, 4095, 4096, 32760, -32768}) {
          // base = middle of the memory, less the offset.
          std::vector<Insn> tested{load(base, 10, kSavedContext), {0x07, as_field(base), 0, 0, kMiddle - off}};
          // What stores an immediate names no other register: its place says which one.
          tested.push_back(loads ? insn_of(row, other, base, off, 0)
                                 : insn_of(row, base, other, off, kStored[other % kStored.size()]));
          // A number made of an address would be another one in each build's memory: there is one memory, so it is not.
          compared.check(tested, false);
        }
      }
  }
  MESSAGE("memory: ", compared.count(), " runs compared");
  CHECK(compared.different() == 0);
  CHECK(compared.decodes());
}

TEST_CASE("a 64-bit constant of every length loads whole") {
  if (skipped()) return;
  Compared compared;
  for (unsigned dst = 0; dst < kRegs; ++dst)
    for (unsigned bits = 0; bits <= 64; ++bits)
      for (const std::uint64_t flip : {std::uint64_t{0}, ~std::uint64_t{0}}) {
        const std::uint64_t value = (bits == 64 ? ~std::uint64_t{0} : (std::uint64_t{1} << bits) - 1) ^ flip;
        compared.check({{0x18, as_field(dst), 0, 0, static_cast<std::int32_t>(value)},
                        {0, 0, 0, 0, static_cast<std::int32_t>(value >> 32)}});
      }
  CHECK(compared.different() == 0);
  CHECK(compared.decodes());
}

TEST_CASE("code of which one bit is another no longer decodes as what was asked for") {
  if (skipped()) return;
  std::string why;
  const auto decoder = encoding::make_decoder(why);
  if (decoder == nullptr) {
    MESSAGE("SKIP: ", why);
    return;
  }
  encoding::Agreement agreement(*decoder);
  std::vector<encoding::Built> changed;
  for (const Insn& insn : {Insn(0x07, 6, 0, 0, 1000003), Insn(0x2f, 7, 3, 0, 0), Insn(0x61, 2, 9, -256, 0),
                           Insn(0x6b, 1, 4, 120, 0), Insn(0xc5, 5, 0, 1, -129), Insn(0xdb, 8, 2, 16, 0xf1)}) {
    const std::vector<Insn> insns = around({insn});
    const auto program = Program::from_insns(insns);
    REQUIRE(program);
    const auto built =
        Executable::build(*program, {.mode = Mode::unguarded, .engine = Engine::jit, .keep_code_map = true});
    REQUIRE(built);
    const MachineCode& code = *built->machine_code();
    const encoding::Built whole = looked_at(insns, 1, code);
    decoder->expect(std::vector<std::span<const std::byte>>{whole.bytes});
    CHECK(!agreement.find_fault(whole));
    const auto part =
        std::find_if(code.parts.begin(), code.parts.end(), [](const MachineCode::Part& p) { return p.pc == kBefore; });
    REQUIRE(std::distance(part, code.parts.end()) > 1);
    for (std::size_t bit = 8 * part->from_bytes; bit < 8 * std::size_t{(part + 1)->from_bytes}; ++bit) {
      changed.push_back(whole);
      changed.back().bytes[bit / 8] ^= std::byte{1} << (bit % 8);
    }
  }
  std::vector<std::span<const std::byte>> codes;
  for (const encoding::Built& built : changed) codes.emplace_back(built.bytes);
  decoder->expect(codes);
  const auto noticed = static_cast<std::size_t>(std::count_if(
      changed.begin(), changed.end(), [&](const auto& built) { return agreement.find_fault(built).has_value(); }));
  MESSAGE(noticed, " of ", changed.size(), " changes noticed");
  // Some bits of x86-64's prefixes say nothing where the instruction has no such register.
  CHECK(noticed * 10 >= changed.size() * 9);
}
