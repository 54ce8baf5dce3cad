// A call writes r0, and r1 to r5 are gone: all that waits for one of them, and all that is made of one, matters.
#include "differential/tuned_calls.hpp"

namespace skep::differential {

void TunedCalls::become_number(Reg reg) {
  if (!is_number(reg)) alu_imm(kMov, reg, immediate());
  held_[reg] = {};
}

/// Copies, sums and halves of what the call overwrites, in what it preserves and in the register of its result.
void TunedCalls::move_across() {
  for (std::uint64_t count = 1 + below(6); count > 0; --count) {
    const Reg to = one_in(3) ? Reg{0} : static_cast<Reg>(6 + below(4));
    const auto from = static_cast<Reg>(below(10));
    if (!is_number(from)) {
      move(to, from);
      continue;
    }
    alu(kMov, to, from, one_in(2));
    held_[to] = {};
    if (one_in(3)) alu_imm(one_of<std::uint8_t>({kAdd, kLsh, kRsh, kAnd}), to, between(0, 20), one_in(2));
  }
}

/// One that takes all parts, the others through one or two registers; the last may take the base.
void TunedCalls::append_bytes(Reg base) {
  const int bytes = one_of({2, 2, 3, 4, 4, 8});
  const bool down = one_in(3), wide = bytes > 4 || one_in(2);
  const Reg into = take(), other = take(), aside = take();
  const int from = between(100, 140), broken = one_in(4) ? between(0, bytes - 1) : -1;
  const auto off = [&](int i) { return from + (down ? bytes - 1 - i : i) + (i == broken ? between(-1, 2) : 0); };
  const int last = between(0, bytes - 1);
  load(1, into, base, off(last));
  held_[into] = {};
  if (last != 0) alu_imm(kLsh, into, 8 * last, wide);
  for (int i = 0; i < bytes; ++i) {
    if (i == last) continue;
    const bool loses_base = one_in(8) && i + 1 == bytes;
    const Reg part = loses_base ? base : other;
    load(1, part, base, off(i));
    held_[part] = {};
    if (one_in(8)) move(aside, static_cast<Reg>(one_in(2) ? kFrame - 1 : other));
    if (i != 0) alu_imm(kLsh, part, one_in(16) ? 8 * (bytes - 1) : 8 * i, wide);
    alu(one_of<std::uint8_t>({kOr, kOr, kAdd}), into, part, wide);
  }
  if (is_number(aside)) alu(kXor, into, aside, one_in(2));
  if (one_in(2)) alu_imm(kMov, other, 4);
  if (held_[base].kind != Kind::number || one_in(2)) alu_imm(kMov, base, 8), held_[base] = {};
}

void TunedCalls::call_function(std::size_t function) {
  calls_.emplace_back(insns_.size(), function);
  add(Insn(0x85, 0, 1, 0, 0));
}

/// Leaves the program where nothing is found.
void TunedCalls::look_up() {
  store_imm(4, kFrame, -4, one_in(8) ? 1 : 0);
  alu(kMov, 2, kFrame);
  alu_imm(kAdd, 2, -4);
  add(Insn(0x18, 1, 1, 0, static_cast<std::int32_t>(below(2))));
  add(Insn());
  if (one_in(2)) move_across();
  if (one_in(2)) {  // what is on the way to r1 and r2 must not be taken for what goes to them
    alu(kMov, 5, 2);
    alu(kMov, 2, 5);
    held_[5] = {Kind::stack, -4};
  }
  add(Insn(0x85, 0, 0, 0, 1));
  const std::size_t found = jump_if_imm(kJne, 0, 0, true);
  alu_imm(kMov, 0, 3);
  add(Insn(0x95, 0, 0, 0, 0));
  land(found);
  load(one_of({1, 2, 4, 8}), 0, 0, 8 * between(0, 7));
}

void TunedCalls::append_call() {
  for (Reg argument = 1; argument <= 5; ++argument) become_number(argument);
  if (!is_number(0)) become_number(0);
  move_across();
  if (one_in(3)) {
    held_[1] = held_[2] = {Kind::stack, kSomewhere};
    look_up();
  } else {
    call_function(below(kFunctions));
  }
  held_[0] = {};
  for (Reg gone = 1; gone <= 5; ++gone) {
    if (one_in(3)) {
      alu_imm(kMov, gone, immediate());
      held_[gone] = {};
    } else {
      move(gone, one_in(3) ? Reg{0} : static_cast<Reg>(6 + below(4)));
    }
  }
}

/// Numbers in, a number out; r6 to r9 and a slot of its own frame in between.
void TunedCalls::append_function(std::size_t function) {
  unsigned set = 0b111110;
  const auto some = [&] {
    for (;;)
      if (const auto reg = static_cast<Reg>(below(10)); (set >> reg & 1) != 0) return reg;
  };
  for (std::uint64_t count = 2 + below(7); count > 0; --count) {
    const auto dst = static_cast<Reg>(below(10));
    const bool wide = !one_in(3);
    alu(kMov, dst, some(), wide);
    set |= 1u << dst;
    alu(one_of<std::uint8_t>({kAdd, kSub, kXor, kAnd, kMul}), dst, some(), wide);
    if (one_in(3)) {
      store(8, kFrame, -8, some());
      const Reg back = some();
      load(one_of({1, 2, 4, 8}), back, kFrame, -8);
    }
  }
  if (function + 1 < kFunctions && one_in(3)) {
    for (const Reg argument : {Reg{1}, Reg{2}, Reg{3}, Reg{4}, Reg{5}})
      if ((set >> argument & 1) == 0) alu(kMov, argument, some());
    call_function(function + 1);
  } else {
    alu(kMov, 0, some(), one_in(2));
  }
  add(Insn(0x95, 0, 0, 0, 0));
}

void TunedCalls::append_functions() {
  for (std::size_t function = 0; function < kFunctions; ++function) {
    const std::size_t start = insns_.size();
    bool called = false;
    for (const auto& [at, callee] : calls_) {
      if (callee != function) continue;
      called = true;
      insns_[at].imm = static_cast<std::int32_t>(start) - static_cast<std::int32_t>(at) - 1;
    }
    if (called) append_function(function);
  }
}

}  // namespace skep::differential
