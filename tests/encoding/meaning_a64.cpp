// arm64's mnemonics, as llvm-mc spells them.
#include <algorithm>
#include <array>
#include <unordered_map>

#include "encoding/machine_meaning.hpp"

namespace skep::encoding {
namespace {

/// One instruction as it is run.
struct Step {
  Machine& machine;
  Walk& walk;
  const Decoded& insn;

  [[nodiscard]] Terms& terms() const { return machine.terms(); }
  [[nodiscard]] const Operand& at(unsigned i) const { return insn.operands[i]; }
  [[nodiscard]] unsigned width() const { return at(0).bits; }
  [[nodiscard]] Term read(unsigned i) const { return machine.value(walk, at(i)); }
  void write(Term value) const { machine.set(walk, at(0), value); }
};

using Run = void (*)(const Step&);

template <char operation>
void logic(const Step& s) {
  s.write(s.terms().logic(operation, s.width(), s.read(1), s.read(2)));
}

void move_part(const Step& s) {
  constexpr std::uint64_t kPart = 0xffff;
  const auto before = s.terms().value(s.walk.path.regs[s.at(0).reg]);
  if (!before) return s.machine.fail(s.insn, "into what is no number");
  const std::uint64_t kept = *before & ~(kPart << s.at(1).shift);
  s.write(s.terms().constant(kept | static_cast<std::uint64_t>(s.at(1).imm) << s.at(1).shift));
}

void move_inverted(const Step& s) {
  const Term ones = s.terms().cut(s.width(), s.terms().constant(~std::uint64_t{0}));
  s.write(s.terms().logic('^', s.width(), s.read(1), ones));
}

enum class Shift { lsh, rsh, arsh };
constexpr std::array<std::string_view, 3> kShifts{"lsh", "rsh", "arsh"};
template <Shift which>
void shift(const Step& s) {
  const Operand& count = s.at(2);
  const Term by = count.kind == Operand::Kind::imm ? s.read(2) : s.walk.path.regs[count.reg];
  s.write(s.terms().shift(kShifts[static_cast<unsigned>(which)], s.width(), s.read(1), by));
}

void subtract(const Step& s) {
  const Term a = s.read(1);
  const Term b = s.read(2);
  if (s.insn.name == "subs") Machine::compare(s.walk, "cmp", s.width(), a, b);
  s.write(s.terms().sub(s.width(), a, b));
}

/// Of two registers of 32 bits, all 64 of the product.
template <bool is_signed>
void multiply_long(const Step& s) {
  const auto extended = [&](unsigned i) {
    return is_signed ? s.terms().sign_extend(32, 64, s.read(i)) : s.terms().low(s.read(i));
  };
  const Term a = extended(1);
  s.write(s.terms().mul(64, a, extended(2)));
}

template <bool is_signed>
void multiply_high(const Step& s) {
  s.write(s.terms().mul_high(is_signed, s.read(1), s.read(2)));
}

template <unsigned from>
void sign_extend(const Step& s) {
  s.write(s.terms().sign_extend(from, s.width(), s.read(1)));
}

void load_pair(const Step& s) {
  constexpr unsigned kWord = 8;
  if (!Machine::is_private(s.at(2)) || s.width() != 64) return s.machine.fail(s.insn, "of a program's memory");
  Operand word = s.at(2);
  for (unsigned i = 0; i < 2; ++i, word.imm += kWord)
    s.machine.set(s.walk, s.at(i), s.machine.load(s.walk, word, kWord));
}

void store_pair(const Step& s) {
  constexpr unsigned kWord = 8;
  if (s.width() != 64) return s.machine.fail(s.insn, "of 32 bits");
  // Frames are cleared before anything is in them.
  if (Machine::is_frame(s.at(2)) && s.at(0).reg == kZero && s.at(1).reg == kZero) return;
  Operand word = s.at(2);
  for (unsigned i = 0; i < 2; ++i, word.imm += kWord) s.machine.store(s.walk, word, kWord, s.read(i));
}

/// The first operand says whether it was; the loop around it is not followed back.
void store_exclusive(const Step& s) {
  s.machine.store(s.walk, s.at(2), s.at(1).bits / 8, s.read(1), "stxr");
  s.write(s.terms().apply("status", 32, {}));
}

const std::unordered_map<std::string_view, Run>& table() {
  static const std::unordered_map<std::string_view, Run> kTable{
      {"mov", [](const Step& s) { s.write(s.read(1)); }},
      {"movk", move_part},
      {"movz", [](const Step& s) { s.write(s.read(1)); }},
      {"movn", move_inverted},
      {"mvn", move_inverted},
      {"neg", [](const Step& s) { s.write(s.terms().scale(s.width(), s.read(1), ~std::uint64_t{0})); }},
      {"add", [](const Step& s) { s.write(s.terms().add(s.width(), s.read(1), s.read(2))); }},
      {"sub", subtract},
      {"subs", subtract},
      {"and", logic<'&'>},
      {"orr", logic<'|'>},
      {"eor", logic<'^'>},
      {"mul", [](const Step& s) { s.write(s.terms().mul(s.width(), s.read(1), s.read(2))); }},
      {"msub",
       [](const Step& s) {
         s.write(s.terms().sub(s.width(), s.read(3), s.terms().mul(s.width(), s.read(1), s.read(2))));
       }},
      {"umull", multiply_long<false>},
      {"smull", multiply_long<true>},
      {"umulh", multiply_high<false>},
      {"smulh", multiply_high<true>},
      {"udiv", [](const Step& s) { s.write(s.terms().divide(false, s.width(), s.read(1), s.read(2))); }},
      {"sdiv", [](const Step& s) { s.write(s.terms().divide(true, s.width(), s.read(1), s.read(2))); }},
      {"lsl", shift<Shift::lsh>},
      {"lsr", shift<Shift::rsh>},
      {"asr", shift<Shift::arsh>},
      {"ror",
       [](const Step& s) {
         s.write(s.terms().rotate_right(s.width(), s.read(1), static_cast<unsigned>(s.at(2).imm)));
       }},
      {"sxtb", sign_extend<8>},
      {"sxth", sign_extend<16>},
      {"sxtw", sign_extend<32>},
      {"uxth", [](const Step& s) { s.write(s.terms().zero_extend(16, s.read(1))); }},
      {"rev", [](const Step& s) { s.write(s.terms().swap(s.width(), s.read(1))); }},
      {"cmp", [](const Step& s) { Machine::compare(s.walk, "cmp", s.width(), s.read(0), s.read(1)); }},
      {"cmn",
       [](const Step& s) {
         const Term b = s.terms().scale(s.width(), s.read(1), ~std::uint64_t{0});
         Machine::compare(s.walk, "cmp", s.width(), s.read(0), b);
       }},
      {"tst", [](const Step& s) { Machine::compare(s.walk, "test", s.width(), s.read(0), s.read(1)); }},
      {"ccmp", [](const Step& s) { s.walk.flags.clear(); }},
      {"ldp", load_pair},
      {"stp", store_pair},
      {"bti", [](const Step&) {}},
      {"nop", [](const Step&) {}},
      {"dmb.ish",
       [](const Step& s) {
         s.walk.path.happen(s.terms(), {"dmb", 0, 0, {}});
       }},
      {"ldxr", [](const Step& s) { s.write(s.machine.load(s.walk, s.at(1), s.width() / 8, "ldxr")); }},
      {"stxr", store_exclusive},
  };
  return kTable;
}

/// Loads and stores: what is in the middle of the name says how, its last letter how much.
struct Access {
  std::string_view prefix;
  std::string_view event;
  bool is_store;
};
constexpr std::array<Access, 6> kAccesses{{{"ldar", "load_acquire", false},
                                           {"ldur", "load", false},
                                           {"ldr", "load", false},
                                           {"stlr", "store_release", true},
                                           {"stur", "store", true},
                                           {"str", "store", true}}};

bool access(const Step& s) {
  const std::string_view name = s.insn.name;
  const auto* found =
      std::find_if(kAccesses.begin(), kAccesses.end(), [&](const Access& a) { return name.starts_with(a.prefix); });
  if (found == kAccesses.end() || s.insn.count != 2 || s.at(1).kind != Operand::Kind::mem) return false;
  std::string_view rest = name.substr(found->prefix.size());
  const bool is_signed = rest.starts_with('s');
  if (is_signed) rest.remove_prefix(1);
  const unsigned bytes = rest == "b" ? 1 : rest == "h" ? 2 : rest == "w" ? 4 : rest.empty() ? s.width() / 8 : 0;
  if (bytes == 0 || (is_signed && rest.empty())) return false;
  if (found->is_store) {
    s.machine.store(s.walk, s.at(1), bytes, s.read(0), found->event);
    return true;
  }
  const Term loaded = s.machine.load(s.walk, s.at(1), bytes, found->event);
  s.write(is_signed ? s.terms().sign_extend(8 * bytes, s.width(), loaded) : loaded);
  return true;
}

/// What changes memory at once; "st…" are the forms whose result nobody wants.
constexpr std::array<std::string_view, 4> kChanges{"add", "set", "clr", "eor"};

bool change_memory(const Step& s) {
  const std::string_view name = s.insn.name;
  const unsigned bytes = s.width() / 8;
  const Operand& where = s.at(s.insn.count - 1u);
  if (s.insn.count < 2 || where.kind != Operand::Kind::mem) return false;
  const auto happen = [&](std::string_view event, std::vector<Term> values) {
    const Term address = s.machine.address(s.walk, where);
    return s.walk.path.happen(s.terms(), {std::string(event), bytes, address, std::move(values)});
  };
  if (name == "casal") {
    const Term expected = s.read(0);
    s.write(happen(name, {s.read(1), expected}));
    return true;
  }
  const bool exchanges = name == "swpal";
  const bool known = std::any_of(kChanges.begin(), kChanges.end(), [&](std::string_view change) {
    return name.size() > 4 && name.substr(2, 3) == change;
  });
  if (!exchanges && !known) return false;
  if (s.insn.count == 2 && name.starts_with("st")) {
    happen("ld" + std::string(name.substr(2)), {s.read(0)});
    return true;
  }
  if (s.insn.count != 3) return false;
  const Term old = happen(name, {s.read(0)});
  s.machine.set(s.walk, s.at(1), old);
  return true;
}

}  // namespace

bool run_a64(Machine& machine, Walk& walk, const Decoded& insn) {
  const Step step{machine, walk, insn};
  constexpr std::string_view kSelect = "csel.";
  if (insn.name.starts_with(kSelect)) {
    const std::string_view condition = condition_named(std::string_view(insn.name).substr(kSelect.size()));
    if (condition.empty()) return false;
    const Term first = step.read(1);
    const Term second = step.read(2);
    const auto choose = [&](Walk& taken) { machine.set(taken, insn.operands[0], first); };
    machine.set(walk, insn.operands[0], second);
    machine.fork(walk, insn, condition, choose);
    return true;
  }
  if (const auto found = table().find(insn.name); found != table().end()) {
    found->second(step);
    return true;
  }
  return access(step) || change_memory(step);
}

}  // namespace skep::encoding
