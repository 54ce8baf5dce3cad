// Draws instructions from the instruction table, so that a row added there is generated, too.
#include "differential/generator.hpp"

#include <algorithm>
#include <array>
#include <iterator>
#include <random>

#include "isa/table.hpp"

namespace skep::differential {
namespace {

using isa::FormInfo;
using isa::Operands;
using isa::Operation;

constexpr std::uint8_t kFrame = isa::kFramePointer;
constexpr std::uint8_t kLoopCounter = 9;
constexpr int kStackBytes = kStackWords * 8;

constexpr Insn move(std::uint8_t dst, std::uint8_t src) { return {0xbf, dst, src, 0, 0}; }
constexpr Insn move_imm(std::uint8_t dst, std::int32_t imm) { return {0xb7, dst, 0, 0, imm}; }
constexpr Insn load(std::uint8_t dst, std::uint8_t src, int off) {
  return {0x79, dst, src, static_cast<std::int16_t>(off), 0};
}
constexpr Insn store(std::uint8_t dst, int off, std::uint8_t src) {
  return {0x7b, dst, src, static_cast<std::int16_t>(off), 0};
}
constexpr Insn jump(std::size_t distance) { return {0x05, 0, 0, static_cast<std::int16_t>(distance), 0}; }
constexpr Insn kExit{0x95, 0, 0, 0, 0};

bool shifts(const FormInfo& row) {
  return row.operation == Operation::lsh_ || row.operation == Operation::rsh_ || row.operation == Operation::arsh_;
}

bool divides(const FormInfo& row) {
  return row.operation == Operation::div_ || row.operation == Operation::sdiv_ || row.operation == Operation::mod_ ||
         row.operation == Operation::smod_;
}

/// The rows of the table with one of these operand kinds.
std::vector<FormInfo> rows_of(std::initializer_list<Operands> kinds) {
  std::vector<FormInfo> rows;
  std::ranges::copy_if(isa::forms(), std::back_inserter(rows), [kinds](const FormInfo& row) {
    return std::ranges::find(kinds, row.operands) != kinds.end() && row.operation != Operation::call_;
  });
  return rows;
}

class Generator {
 public:
  explicit Generator(std::uint64_t seed) : random_(seed) {}

  std::vector<Insn> program() {
    append_start();
    append_block(20 + below(60));
    append_end();
    for (const std::size_t call : calls_) {
      insns_[call].imm = static_cast<std::int32_t>(insns_.size() - call - 1);
      append_subprogram();
    }
    return insns_;
  }

 private:
  std::uint64_t below(std::uint64_t bound) { return random_() % bound; }
  bool one_in(std::uint64_t n) { return below(n) == 0; }
  const FormInfo& one_of(const std::vector<FormInfo>& rows) { return rows[below(rows.size())]; }
  std::uint8_t any_register() { return static_cast<std::uint8_t>(below(kRegisters)); }
  /// A register that may be written: a running loop keeps its counter.
  std::uint8_t free_register() { return static_cast<std::uint8_t>(below(in_loop_ ? kLoopCounter : kRegisters)); }
  std::int32_t immediate() { return static_cast<std::int32_t>(interesting(random_())); }
  void add(Insn insn) { insns_.push_back(insn); }
  void add_constant(std::uint8_t dst, std::uint64_t value) {
    add(Insn(0x18, dst, 0, 0, static_cast<std::int32_t>(value)));
    add(Insn(0, 0, 0, 0, static_cast<std::int32_t>(value >> 32)));
  }
  void add_map_value(std::uint8_t dst) {
    add(Insn(0x18, dst, 2, 0, 0));
    add(Insn());
  }

  void append_start() {
    add_map_value(0);
    for (std::uint8_t reg = 1; reg < kRegisters; ++reg) add(load(reg, 0, reg * 8));
    add(load(0, 0, 0));
    for (int word = 1; word <= static_cast<int>(kStackWords); ++word) add(store(kFrame, -8 * word, any_register()));
  }

  void append_end() {
    // Two slots below the compared ones keep r1 and r2 while they are needed for copying.
    add(store(kFrame, -kStackBytes - 8, 1));
    add(store(kFrame, -kStackBytes - 16, 2));
    add_map_value(1);
    for (std::uint8_t reg = 0; reg < kRegisters; ++reg) {
      if (reg == 1 || reg == 2) add(load(2, kFrame, -kStackBytes - 8 * reg));
      add(store(1, reg * 8, reg == 1 ? 2 : reg));
    }
    for (unsigned word = 0; word < kStackWords; ++word) {
      add(load(2, kFrame, -8 * static_cast<int>(word + 1)));
      add(store(1, 8 * static_cast<int>(kRegisters + word), 2));
    }
    add(kExit);
  }

  /// Callee-saved registers are numbers of the caller's no more; the stack is its own.
  void append_subprogram() {
    in_subprogram_ = true;
    add(move(0, static_cast<std::uint8_t>(1 + below(5))));
    for (std::uint8_t reg = 6; reg < kRegisters; ++reg) add(move(reg, static_cast<std::uint8_t>(1 + below(5))));
    for (int word = 1; word <= static_cast<int>(kStackWords); ++word) add(store(kFrame, -8 * word, any_register()));
    append_block(5 + below(15));
    add(kExit);
    in_subprogram_ = false;
  }

  void append_block(std::uint64_t count) {
    for (; count > 0; --count) {
      const std::uint64_t choice = below(100);
      if (choice < 55)
        append_alu();
      else if (choice < 75)
        append_memory();
      else if (choice < 82)
        append_atomic();
      else if (choice < 86)
        add_constant(free_register(), interesting(random_()));
      else if (choice < 96)
        append_branch();
      else if (choice < 98)
        append_loop();
      else
        append_call();
    }
  }

  void append_alu() {
    static const auto rows = rows_of({Operands::dst, Operands::dst_imm, Operands::dst_src});
    const FormInfo& row = one_of(rows);
    Insn insn(row.opcode, free_register(), 0, static_cast<std::int16_t>(row.off), static_cast<std::int32_t>(row.imm));
    insn.src = row.src == isa::kAny ? (one_in(5) ? insn.dst : any_register()) : static_cast<std::uint8_t>(row.src);
    if (row.imm == isa::kAny) {
      insn.imm = immediate();
      if (shifts(row)) insn.imm = static_cast<std::int32_t>(below(row.width()));
      if (divides(row) && insn.imm == 0) insn.imm = 3;
    }
    add(insn);
  }

  std::int16_t stack_offset(unsigned bytes) {
    return static_cast<std::int16_t>(-static_cast<int>((1 + below(kStackBytes / bytes)) * bytes));
  }

  void append_memory() {
    static const auto rows = rows_of({Operands::load, Operands::store_imm, Operands::store_src});
    const FormInfo& row = one_of(rows);
    const std::int16_t off = stack_offset(row.width() / 8);
    const auto fixed = static_cast<std::int32_t>(row.imm == isa::kAny ? immediate() : row.imm);
    if (row.operands == Operands::load)
      add(Insn(row.opcode, free_register(), kFrame, off, fixed));
    else
      add(Insn(row.opcode, kFrame, row.operands == Operands::store_imm ? 0 : any_register(), off, fixed));
  }

  void append_atomic() {
    static const auto rows = rows_of({Operands::atomic});
    const FormInfo& row = one_of(rows);
    const auto off = static_cast<std::int16_t>(-8 * static_cast<int>(1 + below(kStackWords)));
    const std::uint8_t src = (row.writes & isa::regs::S) != 0 ? free_register() : any_register();
    // A kernel that lacks a certain fix (6.18.44 lacks it, 6.12.117 has it) keeps the range of a number that an atomic
    // fetches back from the stack, but not its precision: it prunes a path that matters and drops live code (seed
    // 101507 without this store). A slot that was written in part has no range.
    if (row.writes != 0) add(Insn(0x72, kFrame, 0, off, static_cast<std::int32_t>(1 + below(127))));
    add(Insn(row.opcode, kFrame, src, off, static_cast<std::int32_t>(row.imm)));
  }

  /// if (condition) { … } else { … }; either side may be empty.
  void append_branch() {
    static const auto rows = rows_of({Operands::compare_imm, Operands::compare_src});
    const FormInfo& row = one_of(rows);
    const std::size_t condition = insns_.size();
    const bool by_src = row.operands == Operands::compare_src;
    add(Insn(row.opcode, any_register(), by_src ? any_register() : std::uint8_t{0}, 0, by_src ? 0 : immediate()));
    append_straight(below(4));
    if (one_in(2)) {
      const std::size_t skip = insns_.size();
      add(jump(0));
      insns_[condition].off = static_cast<std::int16_t>(insns_.size() - condition - 1);
      append_straight(below(4));
      set_distance(skip);
    } else {
      insns_[condition].off = static_cast<std::int16_t>(insns_.size() - condition - 1);
    }
  }

  /// An unconditional jump to here, in either encoding.
  void set_distance(std::size_t jump_at) {
    const std::size_t distance = insns_.size() - jump_at - 1;
    insns_[jump_at] = one_in(2) ? jump(distance) : Insn(0x06, 0, 0, 0, static_cast<std::int32_t>(distance));
  }

  void append_straight(std::uint64_t count) {
    for (; count > 0; --count) {
      if (one_in(3))
        append_memory();
      else
        append_alu();
    }
  }

  void append_loop() {
    if (in_loop_) return;
    add(move_imm(kLoopCounter, static_cast<std::int32_t>(1 + below(5))));
    in_loop_ = true;
    const std::size_t start = insns_.size();
    append_straight(1 + below(4));
    if (one_in(2)) append_branch();
    in_loop_ = false;
    add(Insn(0x07, kLoopCounter, 0, 0, -1));
    const auto back = static_cast<std::int64_t>(start) - static_cast<std::int64_t>(insns_.size()) - 1;
    add(Insn(0x55, kLoopCounter, 0, static_cast<std::int16_t>(back), 0));
  }

  void append_call() {
    constexpr std::size_t kMostCalls = 3;
    if (in_subprogram_ || in_loop_ || calls_.size() == kMostCalls) return;
    calls_.push_back(insns_.size());
    add(Insn(0x85, 0, 1, 0, 0));
    for (std::uint8_t reg = 1; reg <= 5; ++reg) {
      const auto kept = static_cast<std::uint8_t>(6 + below(4));
      add(one_in(3) ? move_imm(reg, immediate()) : move(reg, one_in(3) ? std::uint8_t{0} : kept));
    }
  }

  std::mt19937_64 random_;
  std::vector<Insn> insns_;
  std::vector<std::size_t> calls_;  // where subprograms are called, one each
  bool in_loop_ = false;
  bool in_subprogram_ = false;
};

}  // namespace

std::vector<Insn> generate(std::uint64_t seed) { return Generator(seed).program(); }

std::uint64_t interesting(std::uint64_t random) {
  static constexpr std::array<std::uint64_t, 16> kEdges{0,
                                                        1,
                                                        2,
                                                        0xffffffffffffffff,
                                                        0xfffffffffffffffe,
                                                        0x7fffffff,
                                                        0x80000000,
                                                        0xffffffff,
                                                        0x100000000,
                                                        0x7fffffffffffffff,
                                                        0x8000000000000000,
                                                        0xffffffff80000000,
                                                        0xffffffff7fffffff,
                                                        0x80,
                                                        0x8000,
                                                        31};
  const std::uint64_t pick = random % 32;
  if (pick < kEdges.size()) return kEdges[pick];
  const std::uint64_t bits = random >> 8;
  return pick < 24 ? bits % 64 : bits * 0x9e3779b97f4a7c15;
}

}  // namespace skep::differential
