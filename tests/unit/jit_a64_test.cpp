// arm64's machine code, as LLVM sees it: every word decodes, whatever the operation, registers, immediate and offset.
// And what x86-64 has no like of: conditional branches that reach 1 MiB only.
#include <doctest/doctest.h>

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include <fmt/format.h>
#include <skep/executable.hpp>

#include "isa/table.hpp"
#include "jit/emitter.hpp"
#include "lower/lower.hpp"
#include "support/tools.hpp"

using namespace skep;

namespace {

constexpr std::int32_t kImmediates[] = {0,          1,          -1,         2,      255,       4095,     4096,
                                        -4095,      -4096,      0xff00,     0xffff, 0x10000,   0xffffff, 0x1000000,
                                        -0x1000000, 0x55555555, 0x12345678, -0xff,  INT32_MAX, INT32_MIN};
constexpr std::int16_t kOffsets[] = {0,    1,    -1,   8,     -8,    255,   256,   -255,      -256,     -257,
                                     -512, 4095, 4096, 16380, 16384, 32760, 32764, INT16_MAX, INT16_MIN};
constexpr unsigned kPairs[][2] = {{0, 0}, {0, 1}, {1, 0}, {5, 6}, {6, 5}, {9, 9}, {9, 10}, {2, 10}};

bool is_memory(const isa::FormInfo& row) {
  return row.operands == isa::Operands::load || row.operands == isa::Operands::store_imm ||
         row.operands == isa::Operands::store_src || row.operands == isa::Operands::atomic;
}

/// An instruction of the row; every register, immediate and offset that it may have turns up for some `pair`, `imm`,
/// `off`.
Insn instance(const isa::FormInfo& row, const unsigned (&pair)[2], std::int32_t imm, std::int16_t off) {
  Insn insn;
  insn.opcode = row.opcode;
  const bool swapped = is_memory(row) && row.operands != isa::Operands::load;
  const unsigned dst = pair[swapped ? 1 : 0];
  const unsigned src = pair[swapped ? 0 : 1];
  if (row.has_dst()) insn.dst = dst & 15;
  insn.src = (row.src != isa::kAny ? static_cast<unsigned>(row.src) : src) & 15;
  insn.off = row.off != isa::kAny ? static_cast<std::int16_t>(row.off) : is_memory(row) ? off : std::int16_t{0};
  insn.imm = row.imm != isa::kAny ? static_cast<std::int32_t>(row.imm) : imm;
  return insn;
}

/// Every form that lowering takes without maps, with all of the above.
std::vector<Insn> everything() {
  std::vector<Insn> insns;
  for (const isa::FormInfo& row : isa::forms()) {
    if (row.wide() || row.operands == isa::Operands::dst_src_imm || row.form == isa::Form::call_kfunc ||
        row.form == isa::Form::exit)
      continue;
    const bool jumps = row.operands == isa::Operands::jump_imm || row.operands == isa::Operands::call_pc;
    const auto add = [&](const unsigned(&pair)[2], std::int32_t imm, std::int16_t off) {
      Insn insn = instance(row, pair, imm, off);
      if (jumps) insn.imm = 0;
      if (row.form == isa::Form::call_helper) insn.imm = 7;
      if (row.writes & isa::regs::D && insn.dst == isa::kFramePointer) insn.dst = 7;
      if (row.writes & isa::regs::S && insn.src == isa::kFramePointer) insn.src = 7;
      insns.push_back(insn);
    };
    for (const auto& pair : kPairs) {
      for (const std::int32_t imm : kImmediates) add(pair, imm, 0);
      if (is_memory(row))
        for (const std::int16_t off : kOffsets) add(pair, 1, off);
    }
  }
  for (const std::int32_t low : kImmediates)
    for (const std::int32_t high : kImmediates) {
      insns.push_back({0x18, 3, 0, 0, low});
      insns.push_back({0, 0, 0, 0, high});
    }
  insns.push_back({0x95, 0, 0, 0, 0});
  return insns;
}

/// The code of a program, before it is placed.
std::vector<std::uint32_t> words_of(std::vector<Insn> insns, bool guarded, const jit::Options& options) {
  auto program = std::make_shared<program::Program>();
  program->insns = std::move(insns);
  auto image = lower::lower({.program = program, .guarded = guarded});
  if (!image) FAIL(image.error().message());
  const jit::Plan plan = jit::make_plan(**image, options);
  asmjit::CodeHolder holder;
  REQUIRE(holder.init(asmjit::Environment::host()) == asmjit::kErrorOk);
  const auto emitter = jit::make_emitter(plan, holder);
  emitter->emit_all();
  REQUIRE(holder.flatten() == asmjit::kErrorOk);
  REQUIRE(holder.resolveUnresolvedLinks() == asmjit::kErrorOk);
  REQUIRE(!holder.hasUnresolvedLinks());
  std::vector<std::uint32_t> words(holder.codeSize() / sizeof(std::uint32_t));
  REQUIRE(holder.codeSize() % sizeof(std::uint32_t) == 0);
  REQUIRE(holder.copyFlattenedData(words.data(), holder.codeSize()) == asmjit::kErrorOk);
  return words;
}

/// How many of the words LLVM knows an instruction for.
std::size_t decoded(const std::vector<std::uint32_t>& words) {
  std::string text;
  for (const std::uint32_t word : words)
    text += fmt::format("{:#x} {:#x} {:#x} {:#x}\n", word & 0xff, word >> 8 & 0xff, word >> 16 & 0xff, word >> 24);
  const tools::Scratch scratch;
  const std::string file = scratch.write("words", text);
  const auto listing = tools::output_of("llvm-mc-19 --disassemble --triple=aarch64 --mattr=+lse,+v8.5a " + file);
  REQUIRE(listing);
  std::size_t lines = 0;
  for (std::size_t at = 0; (at = listing->find('\n', at)) != std::string::npos; ++at)
    lines += listing->substr(listing->rfind('\n', at - 1) + 1, 6) == "\t.text" ? 0 : 1;
  return lines;
}

}  // namespace

TEST_CASE("LLVM decodes every word of the code for every operation, register, immediate and offset") {
  if (!tools::have("llvm-mc-19")) {
    MESSAGE("SKIP: no llvm-mc-19");
    return;
  }
  const std::vector<Insn> insns = everything();
  for (const bool guarded : {false, true}) {
    const auto words = words_of(insns, guarded, {.metered = guarded, .long_jumps = true, .polls = !guarded});
    CHECK(words.size() > insns.size());
    CHECK(decoded(words) == words.size());
  }
}

TEST_CASE("a word that is no instruction is one that LLVM does not decode") {
  if (!tools::have("llvm-mc-19")) {
    MESSAGE("SKIP: no llvm-mc-19");
    return;
  }
  CHECK(decoded({0xd503201f, 0xcccccccc, 0xd65f03c0}) == 2);
}

TEST_CASE("branches reach over more than 1 MiB of code, forward and backward") {
  constexpr std::int16_t kStores = 32'000;
  std::vector<Insn> insns{
      {0xbf, 6, 1, 0, 0},            // r6 = r1
      {0x79, 1, 6, 0, 0},            // r1 = *(u64 *)(r6 + 0)
      {0xb7, 0, 0, 0, 0},            // r0 = 0
      {0x15, 1, 0, kStores + 2, 1},  // if r1 == 1 goto the exit
  };
  insns.insert(insns.end(), kStores, {0x7b, 6, 0, 8, 0});                     // *(u64 *)(r6 + 8) = r0
  insns.push_back({0x07, 0, 0, 0, 1});                                        // r0 += 1
  insns.push_back({0xa5, 0, 0, -static_cast<std::int16_t>(kStores) - 2, 3});  // if r0 < 3 goto the first store
  insns.push_back({0x95, 0, 0, 0, 0});
  REQUIRE(words_of(insns, true, {.metered = true, .long_jumps = true}).size() * 4 > std::size_t{1} << 20);

  const auto program = Program::from_insns(insns);
  REQUIRE(program);
  const auto interpreted = Executable::build(*program, {.engine = Engine::interpreter});
  const auto compiled = Executable::build(*program, {.engine = Engine::jit, .metered = true});
  REQUIRE(interpreted);
  REQUIRE_MESSAGE(compiled, compiled.error().message());
  for (const std::uint64_t first : {0, 1}) {
    for (const std::uint64_t budget : {50'000, 1'000'000}) {
      std::uint64_t slow_words[] = {first, 9};
      std::uint64_t fast_words[] = {first, 9};
      RawContext slow_context{std::as_writable_bytes(std::span(slow_words))};
      RawContext fast_context{std::as_writable_bytes(std::span(fast_words))};
      const RunResult slow = interpreted->run(slow_context, {.budget = budget});
      const RunResult fast = compiled->run(fast_context, {.budget = budget});
      CHECK(fast.value == slow.value);
      CHECK(fast.insns == slow.insns);
      CHECK(fast.fault_kind() == slow.fault_kind());
      CHECK(fast.fault.value_or(Fault{}).pc == slow.fault.value_or(Fault{}).pc);
      CHECK(fast_words[1] == slow_words[1]);
    }
  }
}
