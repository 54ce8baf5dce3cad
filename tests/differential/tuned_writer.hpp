// What writes a generated program down, instruction by instruction, and keeps track of what registers hold.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <random>
#include <vector>

#include <skep/insn.hpp>

#include "differential/generator.hpp"
#include "differential/tuned_generator.hpp"

namespace skep::differential {

using Reg = std::uint8_t;
inline constexpr Reg kFrame = 10;
inline constexpr int kStackBytes = 64;               // all of it is written at the start
inline constexpr int kPointerAt = -kStackBytes - 8;  // below lies a pointer that nobody knows before the run

enum Alu : std::uint8_t {
  kAdd = 0x00,
  kSub = 0x10,
  kMul = 0x20,
  kDiv = 0x30,
  kOr = 0x40,
  kAnd = 0x50,
  kLsh = 0x60,
  kRsh = 0x70,
  kNeg = 0x80,
  kMod = 0x90,
  kXor = 0xa0,
  kMov = 0xb0,
  kArsh = 0xc0,
};
enum Jump : std::uint8_t { kJeq = 0x10, kJset = 0x40, kJne = 0x50 };
inline constexpr std::uint8_t kBySource = 0x08;

inline constexpr std::uint8_t opcode_of(std::uint8_t operation, bool wide, bool by_source) {
  return static_cast<std::uint8_t>(operation | (wide ? 0x07 : 0x04) | (by_source ? kBySource : 0));
}
/// The size field of an access.
constexpr std::uint8_t size_of(int bytes) { return bytes == 1 ? 0x10 : bytes == 2 ? 0x08 : bytes == 4 ? 0x00 : 0x18; }

inline constexpr int kSomewhere = -1'000'000;

class TunedWriter {
 protected:
  explicit TunedWriter(std::uint64_t seed) : random_(seed) {}

  enum class Kind : std::uint8_t { number, memory, stack };
  struct Held {
    Kind kind = Kind::number;
    int off = 0;  // of pointers, kSomewhere when nobody knows
  };

  std::uint64_t below(std::uint64_t bound) { return random_() % bound; }
  bool one_in(std::uint64_t n) { return below(n) == 0; }
  int between(int first, int last) {
    return first + static_cast<int>(below(static_cast<std::uint64_t>(last - first) + 1));
  }
  std::int32_t immediate() {
    return one_in(3) ? between(-130, 130) : static_cast<std::int32_t>(interesting(random_()));
  }
  template <class T, std::size_t N>
  T one_of(const T (&choices)[N]) {
    return choices[below(N)];
  }

  // ------------------------------------------------------------------------------------------------ instructions

  void add(Insn insn) { insns_.push_back(insn); }
  void alu(std::uint8_t operation, Reg dst, Reg src, bool wide = true) {
    add(Insn(opcode_of(operation, wide, true), dst, src, 0, 0));
  }
  void alu_imm(std::uint8_t operation, Reg dst, std::int32_t imm, bool wide = true) {
    add(Insn(opcode_of(operation, wide, false), dst, 0, 0, imm));
  }
  void load(int bytes, Reg dst, Reg base, int off) {
    add(Insn(static_cast<std::uint8_t>(0x61 | size_of(bytes)), dst, base, static_cast<std::int16_t>(off), 0));
  }
  void store(int bytes, Reg base, int off, Reg src) {
    add(Insn(static_cast<std::uint8_t>(0x63 | size_of(bytes)), base, src, static_cast<std::int16_t>(off), 0));
  }
  void store_imm(int bytes, Reg base, int off, std::int32_t imm) {
    add(Insn(static_cast<std::uint8_t>(0x62 | size_of(bytes)), base, 0, static_cast<std::int16_t>(off), imm));
  }
  void constant(Reg dst, std::uint64_t value) {
    add(Insn(0x18, dst, 0, 0, static_cast<std::int32_t>(value)));
    add(Insn(0, 0, 0, 0, static_cast<std::int32_t>(value >> 32)));
    held_[dst] = {};
  }
  void point_to_memory(Reg dst, int off) {
    add(Insn(0x18, dst, 2, 0, 0));
    add(Insn(0, 0, 0, 0, off));
    held_[dst] = {Kind::memory, off};
  }
  void move(Reg dst, Reg src) {
    alu(kMov, dst, src);
    held_[dst] = held_[src];
  }
  /// A comparison, and a jump to be told where by land().
  std::size_t jump_if(std::uint8_t operation, Reg dst, Reg src, bool wide) {
    add(Insn(static_cast<std::uint8_t>(operation | (wide ? 0x05 : 0x06) | kBySource), dst, src, 0, 0));
    return insns_.size() - 1;
  }
  std::size_t jump_if_imm(std::uint8_t operation, Reg dst, std::int32_t imm, bool wide) {
    add(Insn(static_cast<std::uint8_t>(operation | (wide ? 0x05 : 0x06)), dst, 0, 0, imm));
    return insns_.size() - 1;
  }
  std::size_t jump() {
    add(Insn(0x05, 0, 0, 0, 0));
    return insns_.size() - 1;
  }
  void land(std::size_t jump) { insns_[jump].off = static_cast<std::int16_t>(insns_.size() - jump - 1); }
  void jump_back(std::size_t jump, std::size_t target) {
    insns_[jump].off = static_cast<std::int16_t>(static_cast<int>(target) - static_cast<int>(jump) - 1);
  }

  // --------------------------------------------------------------------------------------------------- registers

  [[nodiscard]] bool is_number(Reg reg) const { return held_[reg].kind == Kind::number; }
  /// One that nobody has locked.
  Reg any() {
    for (;;)
      if (const auto reg = static_cast<Reg>(below(10)); (locked_ >> reg & 1) == 0) return reg;
  }
  /// The same, with a number in it: what was a pointer is loaded, or set.
  Reg number() {
    const Reg reg = any();
    if (is_number(reg)) return reg;
    if (held_[reg].kind == Kind::memory && held_[reg].off >= 0 && held_[reg].off + 8 <= kMemoryBytes)
      load(one_of({1, 2, 4, 8}), reg, reg, 0);
    else
      alu_imm(kMov, reg, immediate());
    held_[reg] = {};
    return reg;
  }
  void lock(Reg reg) { locked_ |= 1u << reg; }
  /// A register of this snippet's own.
  Reg take() {
    const Reg reg = any();
    lock(reg);
    return reg;
  }
  Reg take_number() {
    const Reg reg = number();
    lock(reg);
    return reg;
  }
  /// A register that is not of the snippet's own, and may be read: any number.
  Reg some_number() {
    for (unsigned tries = 0; tries < 20; ++tries)
      if (const auto reg = static_cast<Reg>(below(10)); is_number(reg)) return reg;
    return number();
  }

  // ------------------------------------------------------------------------------------------------------- loops

  /// Ends as compilers end loops, or the other way round.
  void close_loop(std::size_t start, std::size_t condition_stays) {
    if (one_in(2)) {
      jump_back(condition_stays, start);
      return;
    }
    insns_[condition_stays].opcode = static_cast<std::uint8_t>(insns_[condition_stays].opcode ^ (kJeq ^ kJne));
    insns_[condition_stays].off = 1;
    jump_back(jump(), start);
  }

  struct Counter {
    Reg reg;
    int step;
    int times;
    bool by_register;
    Reg bound;
    int last;
  };
  Counter open_counter(int times) {
    Counter counter{take(), one_of({1, 1, 1, 2, 4, 8, -1, -1, -8}), times, one_in(2), 0, 0};
    const int first = one_in(2) ? 0 : between(-20, 100);
    counter.last = first + counter.step * times;
    if (counter.by_register) {
      counter.bound = take();
      alu_imm(kMov, counter.bound, counter.last);
      held_[counter.bound] = {};
    }
    alu_imm(kMov, counter.reg, first);
    held_[counter.reg] = {};
    return counter;
  }
  void close_counter(const Counter& counter, std::size_t start) {
    alu_imm(kAdd, counter.reg, counter.step);
    const std::size_t stays = counter.by_register ? jump_if(kJne, counter.reg, counter.bound, true)
                                                  : jump_if_imm(kJne, counter.reg, counter.last, true);
    close_loop(start, stays);
  }
  int some_times() { return one_in(4) ? between(1, 60) : between(1, 9); }

  std::mt19937_64 random_;
  std::vector<Insn> insns_;
  std::array<Held, 10> held_{};
  unsigned locked_ = 0;  // registers of the snippet that is being written
};

}  // namespace skep::differential
