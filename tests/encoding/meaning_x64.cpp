// x86-64's mnemonics, as libcapstone spells them.
#include <unordered_map>

#include "encoding/machine_meaning.hpp"

namespace skep::encoding {
namespace {

constexpr std::uint8_t kRax = 0;  // r0
constexpr std::uint8_t kRdx = 2;  // r2

/// One instruction as it is run.
struct Step {
  Machine& machine;
  Walk& walk;
  const Decoded& insn;

  [[nodiscard]] Terms& terms() const { return machine.terms(); }
  [[nodiscard]] const Operand& at(unsigned i) const { return insn.operands[i]; }
  [[nodiscard]] bool is_memory(unsigned i) const { return at(i).kind == Operand::Kind::mem; }
  [[nodiscard]] unsigned width() const { return at(0).bytes * 8u; }
  [[nodiscard]] Term read(unsigned i) const {
    return is_memory(i) ? machine.load(walk, at(i), at(i).bytes) : machine.value(walk, at(i));
  }
  /// Memory takes moves only; what changes the run's own state is not followed.
  void write(unsigned i, Term value) const {
    if (!is_memory(i)) return machine.set(walk, at(i), value);
    if (!Machine::is_private(at(i))) machine.fail(insn, "memory is changed, and not at once");
  }
  void set_fixed(std::uint8_t reg, Term value) const { walk.path.regs[reg] = terms().cut(width(), value); }
};

using Run = void (*)(const Step&);

void move(const Step& s) {
  if (s.is_memory(0))
    s.machine.store(s.walk, s.at(0), s.at(0).bytes, s.read(1));
  else
    s.write(0, s.read(1));
}

template <char operation>
void logic(const Step& s) {
  const Term a = s.read(0);
  s.write(0, s.terms().logic(operation, s.width(), a, s.read(1)));
}

void add(const Step& s) {
  const Term a = s.read(0);
  s.write(0, s.terms().add(s.width(), a, s.read(1)));
}

void sub(const Step& s) {
  const Term a = s.read(0);
  const Term b = s.read(1);
  Machine::compare(s.walk, "cmp", s.width(), a, b);
  s.write(0, s.terms().sub(s.width(), a, b));
}

/// rdx:rax, of rax and a factor.
template <bool is_signed>
void multiply_rax(const Step& s) {
  const Term a = s.walk.path.regs[kRax];
  const Term b = s.read(0);
  if (s.width() != 64) s.machine.fail(s.insn, "of 32 bits");
  s.set_fixed(kRax, s.terms().mul(64, a, b));
  s.set_fixed(kRdx, s.terms().mul_high(is_signed, a, b));
}

void multiply(const Step& s) {
  if (s.insn.count == 1) return multiply_rax<true>(s);
  const unsigned first = s.insn.count - 2u;
  const Term a = s.read(first);
  s.write(0, s.terms().mul(s.width(), a, s.read(first + 1)));
}

/// hi, lo, factor; the other factor is in rdx.
void multiply_wide(const Step& s) {
  const Term a = s.walk.path.regs[kRdx];
  const Term b = s.read(2);
  if (s.width() != 64) s.machine.fail(s.insn, "of 32 bits");
  s.write(1, s.terms().mul(64, a, b));
  s.write(0, s.terms().mul_high(false, a, b));
}

void extend_sign_of_rax(const Step& s, unsigned width) {
  const Term rax = s.terms().cut(width, s.walk.path.regs[kRax]);
  s.walk.path.regs[kRdx] = s.terms().apply("sign", width, {rax});
}

template <bool is_signed>
void divide(const Step& s) {
  const unsigned width = s.width();
  const Term low = s.terms().cut(width, s.walk.path.regs[kRax]);
  const Term high = is_signed ? s.terms().apply("sign", width, {low}) : s.terms().constant(0);
  if (s.walk.path.regs[kRdx] != high) s.machine.fail(s.insn, "the dividend's upper half is another");
  const Term by = s.read(0);
  s.set_fixed(kRax, s.terms().divide(is_signed, width, low, by));
  s.set_fixed(kRdx, s.terms().remainder(is_signed, width, low, by));
}

enum class Shift { lsh, rsh, arsh };
constexpr std::array<std::string_view, 3> kShifts{"lsh", "rsh", "arsh"};

/// Of two operands or, with the count in a register that may be any, of three.
template <Shift which>
void shift(const Step& s) {
  const unsigned from = s.insn.count == 3 ? 1 : 0;
  const Term a = s.read(from);
  const Operand& count = s.at(from + 1);
  const Term by = s.insn.count == 1                  ? s.terms().constant(1)
                  : count.kind == Operand::Kind::imm ? s.read(from + 1)
                                                     : s.walk.path.regs[count.reg];
  s.write(0, s.terms().shift(kShifts[static_cast<unsigned>(which)], s.width(), a, by));
}

void rotate(const Step& s, unsigned from, bool left) {
  const auto by = s.insn.count == from + 1 ? 1u : static_cast<unsigned>(s.at(from + 1).imm);
  s.write(0, s.terms().rotate_right(s.width(), s.read(from), left ? s.width() - by : by));
}

void sign_extend(const Step& s) { s.write(0, s.terms().sign_extend(s.at(1).bytes * 8u, s.width(), s.read(1))); }

/// Of the registers for vectors, only zeros are followed.
void clear_vector(const Step& s) {
  if (s.at(0).reg != s.at(1).reg) return s.machine.fail(s.insn, "of two");
  s.walk.path.regs[s.at(0).reg] = s.terms().constant(0);
}

void store_vector(const Step& s) {
  constexpr unsigned kBytes = 16, kWord = 8;
  if (!s.is_memory(0) || s.at(0).bytes != kBytes || s.terms().value(s.walk.path.regs[s.at(1).reg]) != 0)
    return s.machine.fail(s.insn, "of more than zeros");
  Operand word = s.at(0);
  for (unsigned i = 0; i < kBytes; i += kWord, word.imm += kWord)
    s.machine.store(s.walk, word, kWord, s.terms().constant(0));
}

/// Frames are cleared before anything is in them.
void clear_frame(const Step& s) {
  if (!s.is_memory(0) || !Machine::is_frame(s.at(0)) || s.terms().value(s.walk.path.regs[s.at(1).reg]) != 0)
    s.machine.fail(s.insn, "of more than a frame");
}

/// `lock`: an instruction that changes memory at once.
template <bool gives_old>
void change_memory(const Step& s) {
  const unsigned width = s.width();
  const Term address = s.machine.address(s.walk, s.at(0));
  const Term value = s.read(1);
  const Term old = s.walk.path.happen(s.terms(), {s.insn.name, s.at(0).bytes, address, {value}});
  if (gives_old) s.write(1, s.terms().cut(width, old));
}

/// rax is what is compared with; of 32 bits, its upper half stays where the comparison holds.
void compare_and_exchange(const Step& s) {
  const unsigned width = s.width();
  const Term address = s.machine.address(s.walk, s.at(0));
  const Term expected = s.terms().cut(width, s.walk.path.regs[kRax]);
  const Term old = s.walk.path.happen(s.terms(), {s.insn.name, s.at(0).bytes, address, {s.read(1), expected}});
  const Term upper = s.terms().apply("what was above", 64, {old});
  s.walk.path.regs[kRax] =
      width == 64 ? old : s.terms().add(64, old, s.terms().scale(64, upper, std::uint64_t{1} << 32));
  s.walk.flags.clear();
}

const std::unordered_map<std::string_view, Run>& table() {
  static const std::unordered_map<std::string_view, Run> kTable{
      {"mov", move},
      {"movabs", move},
      {"movzx", move},
      {"movsx", sign_extend},
      {"movsxd", sign_extend},
      {"lea", [](const Step& s) { s.write(0, s.machine.address(s.walk, s.at(1))); }},
      {"add", add},
      {"sub", sub},
      {"and", logic<'&'>},
      {"or", logic<'|'>},
      {"xor", logic<'^'>},
      {"neg", [](const Step& s) { s.write(0, s.terms().scale(s.width(), s.read(0), ~std::uint64_t{0})); }},
      {"bswap", [](const Step& s) { s.write(0, s.terms().swap(s.width(), s.read(0))); }},
      {"imul", multiply},
      {"mul", multiply_rax<false>},
      {"mulx", multiply_wide},
      {"cdq", [](const Step& s) { extend_sign_of_rax(s, 32); }},
      {"cqo", [](const Step& s) { extend_sign_of_rax(s, 64); }},
      {"div", divide<false>},
      {"idiv", divide<true>},
      {"shl", shift<Shift::lsh>},
      {"shr", shift<Shift::rsh>},
      {"sar", shift<Shift::arsh>},
      {"shlx", shift<Shift::lsh>},
      {"shrx", shift<Shift::rsh>},
      {"sarx", shift<Shift::arsh>},
      {"rol", [](const Step& s) { rotate(s, 0, true); }},
      {"ror", [](const Step& s) { rotate(s, 0, false); }},
      {"rorx", [](const Step& s) { rotate(s, 1, false); }},
      {"endbr64", [](const Step&) {}},
      {"nop", [](const Step&) {}},
      {"push", [](const Step& s) { s.machine.push(s.walk, s.machine.value(s.walk, s.at(0))); }},
      {"pop", [](const Step& s) { s.write(0, s.machine.pop(s.walk, s.insn)); }},
      {"xorps", clear_vector},
      {"movups", store_vector},
      {"movaps", clear_frame},
      {"lock add", change_memory<false>},
      {"lock or", change_memory<false>},
      {"lock and", change_memory<false>},
      {"lock xor", change_memory<false>},
      {"lock xadd", change_memory<true>},
      {"xchg", change_memory<true>},
      {"lock cmpxchg", compare_and_exchange},
  };
  return kTable;
}

}  // namespace

bool run_x64(Machine& machine, Walk& walk, const Decoded& insn) {
  const Step step{machine, walk, insn};
  if (insn.name == "cmp" || insn.name == "test") {
    const Term a = step.read(0);
    Machine::compare(walk, insn.name, step.width(), a, step.read(1));
    return true;
  }
  if (insn.name.starts_with("cmov")) {
    const std::string_view condition = condition_named(std::string_view(insn.name).substr(4));
    if (condition.empty()) return false;
    const Term value = step.read(1);
    machine.fork(walk, insn, condition, [&](Walk& taken) { machine.set(taken, insn.operands[0], value); });
    return true;
  }
  const auto found = table().find(insn.name);
  if (found == table().end()) return false;
  const bool sets_other_flags = insn.name != "mov" && insn.name != "lea" && insn.name != "sub";
  if (sets_other_flags) walk.flags.clear();
  found->second(step);
  return true;
}

}  // namespace skep::encoding
