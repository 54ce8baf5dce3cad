// Each snippet is a shape that compilers make, with registers, widths and constants drawn. What a register holds is
// tracked as far as the next snippet must know: a number, or a pointer with a known offset.
#include "differential/tuned_generator.hpp"

#include <algorithm>

#include "differential/tuned_calls.hpp"

namespace skep::differential {
namespace {

class Generator : TunedCalls {
 public:
  explicit Generator(std::uint64_t seed) : TunedCalls(seed) {}

  std::vector<Insn> program() {
    append_start();
    for (std::uint64_t count = 1 + below(5); count > 0; --count) append_snippet();
    append_end();
    append_functions();
    return insns_;
  }

 private:
  // ------------------------------------------------------------------------------------------ start, end, choice

  void append_start() {
    store_imm(4, kFrame, -4, 0);
    add(Insn(0x18, 1, 1, 0, 1));
    add(Insn());
    alu(kMov, 2, kFrame);
    alu_imm(kAdd, 2, -4);
    add(Insn(0x85, 0, 0, 0, 1));
    const std::size_t found = jump_if_imm(kJne, 0, 0, true);
    add(Insn(0x95, 0, 0, 0, 0));
    land(found);
    store(8, kFrame, kPointerAt, 0);
    point_to_memory(0, kStartAt);
    for (Reg reg = 1; reg < 10; ++reg) {
      load(8, reg, 0, reg * 8);
      if (one_in(3)) alu_imm(kAnd, reg, one_of({0xff, 0x3f, 0xffff, 7}));
    }
    load(8, 0, 0, 0);
    held_[0] = {};
    for (int at = -kStackBytes; at < 0; at += 8) {
      if (one_in(3))
        store_imm(8, kFrame, at, immediate());
      else
        store(8, kFrame, at, static_cast<Reg>(below(10)));
    }
  }

  /// Some registers are left in memory, through one that is not.
  void append_end() {
    const auto through = static_cast<Reg>(below(10));
    const std::uint64_t kept = random_();
    for (Reg reg = 0; reg < 10; ++reg) {
      if (reg == through || (kept >> reg & 1) == 0) continue;
      if (is_number(reg)) continue;
      // Where it points to shows whether it does.
      if (held_[reg].kind == Kind::memory && held_[reg].off >= 0 && held_[reg].off < kMemoryBytes)
        load(1, reg, reg, 0);
      else if (held_[reg].kind == Kind::stack && held_[reg].off >= -kStackBytes && held_[reg].off < 0)
        load(1, reg, reg, 0);
      else
        alu_imm(kMov, reg, 1);
    }
    point_to_memory(through, kResultsAt);
    for (Reg reg = 0; reg < 10; ++reg)
      if (reg != through && (kept >> reg & 1) != 0) store(8, through, 8 * reg, reg);
    if (one_in(2))
      load(8, 0, kFrame, -8 * between(1, kStackBytes / 8));
    else
      alu_imm(kMov, 0, 0);
    add(Insn(0x95, 0, 0, 0, 0));
  }

  void append_snippet() {
    locked_ = 0;
    switch (below(18)) {
      case 0:
      case 1:
        return append_moves();
      case 2:
        return append_rotation();
      case 3:
        return append_extension();
      case 4:
        return one_in(2) ? append_row() : append_bytes(take_pointer(0));
      case 5:
      case 6:
        return append_address();
      case 7:
        return append_mask();
      case 8:
      case 9:
        return append_select();
      case 10:
        return append_loop();
      case 11:
      case 12:
        return append_copy_or_sum();
      case 13:
        return append_stack();
      case 14:
        return append_put_off();
      case 15:
      case 16:
        return append_call();
      default:
        return append_arithmetic(1 + below(6));
    }
  }

  // ---------------------------------------------------------------------------------------------------- snippets

  /// Of numbers; pointers stay what they are.
  void append_arithmetic(std::uint64_t count) {
    for (; count > 0; --count) {
      const std::uint8_t operation = one_of<std::uint8_t>(
          {kAdd, kAdd, kSub, kMul, kOr, kAnd, kAnd, kLsh, kRsh, kXor, kMov, kMov, kArsh, kDiv, kMod, kNeg});
      const bool wide = !one_in(3);
      const Reg dst = number();
      const bool shifts = operation == kLsh || operation == kRsh || operation == kArsh;
      if (operation == kNeg) {
        alu_imm(kNeg, dst, 0, wide);
      } else if (one_in(2) && !shifts) {
        alu(operation, dst, some_number(), wide);
      } else {
        std::int32_t imm = immediate();
        if (shifts) imm = between(0, wide ? 63 : 31);
        if (imm == 0 && (operation == kDiv || operation == kMod)) imm = 10;
        alu_imm(operation, dst, imm, wide);
      }
    }
  }

  /// Chains and swaps, with additions in between: of pointers, too.
  void append_moves() {
    for (std::uint64_t count = 2 + below(7); count > 0; --count) {
      const Reg dst = any();
      const auto src = static_cast<Reg>(one_in(8) ? kFrame : below(10));
      switch (below(6)) {
        case 0: {
          const Reg other = any();
          const Reg third = any();
          move(third, dst);
          move(dst, other);
          move(other, third);
          break;
        }
        case 1:
          if (is_number(dst)) {
            alu_imm(one_of<std::uint8_t>({kAdd, kSub}), dst, immediate(), !one_in(3));
          } else {
            const int by = between(-16, 16);
            alu_imm(kAdd, dst, by);
            held_[dst].off += by;
          }
          break;
        case 2:
          if (is_number(dst) && src < 10 && is_number(src)) alu(kAdd, dst, src, !one_in(3));
          break;
        case 3:
          if (src < 10 && is_number(src)) {
            alu(kMov, dst, src, false);
            held_[dst] = {};
          }
          break;
        default:
          if (src == kFrame) {
            alu(kMov, dst, kFrame);
            held_[dst] = {Kind::stack, 0};
          } else {
            move(dst, src);
          }
      }
    }
  }

  /// A copy turned one way, the number the other; mostly by counts that go together.
  void append_rotation() {
    const Reg number = take_number();
    const Reg copy = take();
    const bool wide = one_in(2);
    const int width = wide ? 64 : 32;
    const int left = one_in(8) ? one_of({0, 1, width - 1, width / 2}) : between(0, width - 1);
    const int right = one_in(10) ? between(0, width - 1) : (width - left) % width;
    const bool copy_goes_left = one_in(2);
    alu(kMov, copy, number, one_in(8) ? !wide : wide);
    held_[copy] = {};
    const auto shift = [&](bool of_copy) {
      const bool goes_left = of_copy == copy_goes_left;
      alu_imm(goes_left ? kLsh : kRsh, of_copy ? copy : number, goes_left ? left : right, one_in(12) ? !wide : wide);
    };
    const bool copy_first = one_in(2);
    shift(copy_first);
    if (one_in(8)) append_arithmetic(1);
    shift(!copy_first);
    const std::uint8_t join = one_of<std::uint8_t>({kOr, kOr, kAdd, kXor});
    if (one_in(2))
      alu(join, copy, number, wide);
    else
      alu(join, number, copy, wide);
  }

  void append_extension() {
    const Reg source = number();
    lock(source);
    const Reg dst = one_in(3) ? source : any();
    if (dst != source) alu(kMov, dst, source, !one_in(3));
    held_[dst] = {};
    const int by = one_of({32, 32, 48, 56, 33, 16});
    alu_imm(kLsh, dst, by);
    if (one_in(6)) alu_imm(kAdd, source, between(1, 9));
    alu_imm(one_in(2) ? kArsh : kRsh, dst, one_in(8) ? 31 : by);
    if (one_in(3)) alu(kAdd, number(), dst, one_in(2));
  }

  /// Constants side by side, up or down, with a gap or an overlap now and then.
  void append_row() {
    const Reg base = take_pointer(0);
    const Reg constant_in = take();
    alu_imm(kMov, constant_in, one_in(2) ? 0 : immediate());
    held_[constant_in] = {};
    const bool up = one_in(2);
    const bool zeros = one_in(2);
    int at = between(100, 160);
    for (std::uint64_t count = 2 + below(24); count > 0; --count) {
      const int bytes = one_of({1, 1, 1, 2, 4, 8});
      if (!up) at -= bytes;
      if (one_in(4))
        store(bytes, base, at, constant_in);
      else
        store_imm(bytes, base, at, zeros ? 0 : immediate());
      if (up) at += bytes;
      if (one_in(16)) at += up ? 1 : -1;
      if (at < 16 || at > 480) break;
    }
  }

  /// A pointer to memory + off, of the snippet's own.
  Reg take_pointer(int off) {
    for (Reg reg = 0; reg < 10; ++reg)
      if (held_[reg].kind == Kind::memory && held_[reg].off == off && (locked_ >> reg & 1) == 0 && one_in(2)) {
        lock(reg);
        return reg;
      }
    const Reg reg = take();
    if (one_in(3)) {
      point_to_memory(reg, off);
      return reg;
    }
    load(8, reg, kFrame, kPointerAt);
    if (off != 0) alu_imm(kAdd, reg, off);
    held_[reg] = {Kind::memory, off};
    return reg;
  }

  /// base + (index << scale) + off, put together in some order.
  void append_address() {
    const Reg base = take_pointer(one_of({0, 0, 8, 64}));
    const Reg index = take_number();
    const int scale = between(0, 4);
    alu_imm(kAnd, index, 15, one_in(2));
    Reg scaled = index;
    if (one_in(2)) {
      scaled = take();
      alu(kMov, scaled, index, !one_in(3));
      held_[scaled] = {};
    }
    if (scale != 0 || one_in(4)) alu_imm(kLsh, scaled, scale);
    const Reg pointer = one_in(3) ? base : one_in(2) ? scaled : take();
    const int before = one_in(3) ? between(0, 40) : 0;
    if (pointer == scaled) {
      alu(kAdd, scaled, base);
    } else {
      if (pointer != base) move(pointer, base);
      if (one_in(2) && before != 0) {
        alu_imm(kAdd, pointer, before);
        alu(kAdd, pointer, scaled);
      } else {
        alu(kAdd, pointer, scaled);
        if (before != 0) alu_imm(kAdd, pointer, before);
      }
    }
    held_[pointer] = {Kind::memory, kSomewhere};
    if (one_in(4)) append_arithmetic(1);
    for (std::uint64_t count = 1 + below(3); count > 0; --count) {
      const int bytes = one_of({1, 2, 4, 8});
      const int off = between(0, 120);
      const std::uint64_t what = below(6);
      if (what < 3) {
        const Reg dst = one_in(4) ? pointer : any();
        held_[dst] = {};
        const bool is_signed = bytes < 8 && one_in(5);
        if (is_signed)
          add(Insn(static_cast<std::uint8_t>(0x81 | size_of(bytes)), dst, pointer, static_cast<std::int16_t>(off), 0));
        else
          load(bytes, dst, pointer, off);
        if (dst == pointer) return;
      } else if (what < 5) {
        store(bytes, pointer, off, some_other_number(pointer));
      } else {
        store_imm(bytes, pointer, off, immediate());
      }
    }
    alu_imm(kMov, pointer, 3);
    held_[pointer] = {};
  }

  Reg some_other_number(Reg but) {
    for (unsigned tries = 0; tries < 20; ++tries)
      if (const Reg reg = some_number(); reg != but && (locked_ >> reg & 1) == 0) return reg;
    const Reg reg = take();
    alu_imm(kMov, reg, immediate());
    held_[reg] = {};
    return reg;
  }

  void append_mask() {
    const Reg number = take_number();
    Reg tested = number;
    if (!one_in(3)) {
      tested = take();
      alu(kMov, tested, number, !one_in(3));
      held_[tested] = {};
    }
    alu_imm(kAnd, tested, one_of({1, 0xff, 0xffff, 0x80, -1, -256, INT32_MIN, INT32_MAX, 0x1000}), !one_in(3));
    const std::size_t over =
        jump_if_imm(one_of<std::uint8_t>({kJeq, kJne, kJne, kJset, 0x20}), tested, one_in(6) ? 1 : 0, !one_in(3));
    append_arithmetic_on_numbers(1 + below(3));
    land(over);
  }

  /// Where paths meet again, each register must hold the same kind of thing on both.
  void append_arithmetic_on_numbers(std::uint64_t count) {
    for (; count > 0; --count) {
      const Reg dst = any();
      if (!is_number(dst)) continue;
      if (one_in(2))
        alu(one_of<std::uint8_t>({kAdd, kMov, kXor, kSub}), dst, some_number_there(dst), !one_in(3));
      else
        alu_imm(one_of<std::uint8_t>({kAdd, kMov, kXor, kAnd, kLsh}), dst, between(0, 31), !one_in(3));
    }
    alu_imm(kAdd, lone_number(), 1);
  }
  Reg some_number_there(Reg otherwise) {
    const auto reg = static_cast<Reg>(below(10));
    return is_number(reg) ? reg : otherwise;
  }
  /// One that is a number already, whoever has it.
  Reg lone_number() {
    for (Reg reg = 0; reg < 10; ++reg)
      if (is_number(reg) && (locked_ >> reg & 1) == 0) return reg;
    for (Reg reg = 0; reg < 10; ++reg)
      if (is_number(reg)) return reg;
    return 0;
  }

  std::size_t any_comparison() {
    const std::uint8_t operation =
        one_of<std::uint8_t>({0x10, 0x20, 0x30, 0x40, 0x50, 0x60, 0x70, 0xa0, 0xb0, 0xc0, 0xd0});
    const Reg dst = some_number();
    if (one_in(2)) return jump_if(operation, dst, some_number(), !one_in(3));
    return jump_if_imm(operation, dst, immediate(), !one_in(3));
  }

  /// if (condition) skip the move; maybe what is chosen from, and what it is for, is put off around it.
  void append_select() {
    const Reg dst = take_number();
    const Reg src = take_number();
    if (one_in(2)) alu(kMov, dst, some_number(), !one_in(3));
    if (one_in(2)) alu(kMov, src, some_number(), !one_in(3));
    if (one_in(3)) alu_imm(kAdd, src, between(-5, 5));
    if (one_in(3)) alu_imm(kAnd, dst, 0xff);
    const std::size_t condition = any_comparison();
    if (one_in(2))
      alu(kMov, dst, one_in(4) ? some_number() : src, !one_in(3));
    else
      alu_imm(kMov, dst, immediate(), !one_in(3));
    if (one_in(3)) {  // the other way round, or both
      const std::size_t join = jump();
      land(condition);
      alu_imm(kMov, one_in(2) ? dst : src, between(-3, 3));
      land(join);
    } else {
      land(condition);
    }
    if (one_in(2)) alu(kAdd, lone_number(), dst, !one_in(3));
  }

  /// Arithmetic, constants and memory, over and over.
  void append_loop() {
    const Reg base = take_pointer(0);
    const Reg total = take_number();
    const Counter counter = open_counter(some_times());
    const Reg temporary = take();
    held_[temporary] = {};
    alu_imm(kMov, temporary, 1);
    const std::size_t start = insns_.size();
    for (std::uint64_t count = 1 + below(4); count > 0; --count) {
      switch (below(6)) {
        case 0:
          constant(temporary, interesting(random_()) ^ (one_in(2) ? 0x123456789abcdef0 : 0));
          alu(one_of<std::uint8_t>({kMul, kXor, kAdd, kAnd}), total, temporary);
          break;
        case 1:
          load(one_of({1, 2, 4, 8}), temporary, base, between(0, 400));
          alu(one_of<std::uint8_t>({kXor, kAdd}), total, temporary, !one_in(3));
          break;
        case 2:
          store(one_of({1, 2, 4, 8}), base, between(0, 400), total);
          break;
        case 3: {
          const int left = between(1, 31);
          alu(kMov, temporary, total, false);
          alu_imm(kLsh, temporary, left, false);
          alu_imm(kRsh, total, 32 - left, false);
          alu(kOr, total, temporary, false);
          break;
        }
        case 4: {
          const std::size_t over =
              jump_if_imm(one_of<std::uint8_t>({kJeq, kJset, 0x20, 0xa0}), total, between(0, 200), one_in(2));
          alu_imm(one_of<std::uint8_t>({kAdd, kXor, kMov}), total, between(1, 99), one_in(2));
          land(over);
          break;
        }
        default:
          append_arithmetic_on_numbers(1);
      }
    }
    close_counter(counter, start);
  }

  /// for (i …) target[i] = source[i], or total += source[i]; the indices and the order as it comes.
  void append_copy_or_sum() {
    const bool copies = one_in(2);
    const int bytes = copies ? one_of({1, 2, 4, 8}) : one_of({1, 2, 4, 4});
    const int times = one_in(6) ? 1 : between(1, std::min(70, 240 / bytes));
    const bool by_index = one_in(2);
    const int from = between(0, 100);
    const int to = one_in(2) ? std::clamp(from + between(-40, 40), 0, 250) : between(0, 250);
    const bool from_stack = !by_index && copies && one_in(6) && times * bytes <= kStackBytes;
    const Reg source = take();
    if (from_stack) {
      alu(kMov, source, kFrame);
      alu_imm(kAdd, source, -kStackBytes);
    } else {
      point_to_memory(source, from);
    }
    held_[source] = {};
    const Reg target = take();
    if (copies) point_to_memory(target, to);
    if (!copies) alu_imm(kMov, target, immediate());  // the total
    held_[target] = {};
    const Reg element = take();
    alu_imm(kMov, element, 0);
    held_[element] = {};
    const bool down = !by_index && !from_stack && one_in(4);
    const bool target_down = copies && !by_index && one_in(4);
    if (by_index) {
      append_indexed(copies, bytes, times, source, target, element);
    } else {
      if (down) alu_imm(kAdd, source, bytes * (times - 1));
      if (target_down) alu_imm(kAdd, target, bytes * (times - 1));
      const bool counts = one_in(2);
      const int step = down ? -bytes : bytes;
      const Counter counter = counts ? open_counter(times) : Counter{};
      const Reg end = counts ? Reg{0} : take();
      if (!counts) {
        alu(kMov, end, source);
        alu_imm(kAdd, end, step * times);
      }
      const std::size_t start = insns_.size();
      load(bytes, element, source, 0);
      if (copies) {
        store(bytes, target, 0, element);
        alu_imm(kAdd, target, target_down ? -bytes : bytes);
      } else if (one_in(2)) {
        alu(kAdd, target, element, one_in(6));
      } else {
        alu(kAdd, element, target, false);
        alu(kMov, target, element, one_in(2));
      }
      alu_imm(kAdd, source, step);
      if (counts)
        close_counter(counter, start);
      else
        close_loop(start, jump_if(kJne, source, end, true));
      if (!counts) alu_imm(kMov, end, 5), held_[end] = {};
    }
    // Pointers that moved are numbers to the rest: they are set.
    alu_imm(kMov, source, 7);
    if (copies) alu_imm(kMov, target, 9);
    if (one_in(2)) alu_imm(kMov, element, 2);
  }

  void append_indexed(bool copies, int bytes, int times, Reg source, Reg target, Reg element) {
    const bool scaled = one_in(2) && bytes > 1;
    const int step = scaled ? 1 : bytes;
    const int scale = bytes == 2 ? 1 : bytes == 4 ? 2 : 3;
    const Reg index = take();
    alu_imm(kMov, index, 0);
    held_[index] = {};
    const Reg address = take();
    held_[address] = {};
    const std::size_t start = insns_.size();
    const auto put_together = [&](Reg base) {
      if (scaled) {
        alu(kMov, address, index);
        alu_imm(kLsh, address, scale);
        alu(kAdd, address, base);
      } else if (one_in(2)) {
        alu(kMov, address, base);
        alu(kAdd, address, index);
      } else {
        alu(kMov, address, index);
        alu(kAdd, address, base);
      }
    };
    put_together(source);
    load(bytes, element, address, one_in(3) ? between(0, 12) : 0);
    if (copies) {
      put_together(target);
      store(bytes, address, one_in(3) ? between(0, 12) : 0, element);
    } else {
      alu(kAdd, target, element, false);
    }
    alu_imm(kAdd, index, step);
    close_loop(start, jump_if_imm(kJne, index, step * times, true));
    alu_imm(kMov, address, 11);
  }

  /// Slots by the frame pointer, and by an index.
  void append_stack() {
    for (std::uint64_t count = 1 + below(4); count > 0; --count) {
      const int bytes = one_of({1, 2, 4, 8});
      const int at = -bytes * between(1, kStackBytes / bytes);
      if (one_in(2)) {
        store(bytes, kFrame, at, number());
      } else {
        const Reg dst = any();
        load(bytes, dst, kFrame, at);
        held_[dst] = {};
      }
    }
    const Reg index = take_number();
    const Reg pointer = take();
    alu_imm(kAnd, index, 7);
    alu_imm(kLsh, index, 3);
    alu(kMov, pointer, kFrame);
    alu(kAdd, pointer, index);
    load(one_of({1, 2, 4, 8}), index, pointer, -kStackBytes);
    held_[index] = {};
    alu_imm(kMov, pointer, 6);
    held_[pointer] = {};
  }

  /// Addresses and sums that wait for each other while loads write what they are made of.
  void append_put_off() {
    const Reg a = take_pointer(one_of({0, 16}));
    const int at = held_[a].off;
    const Reg b = take();
    const Reg c = take();
    const Reg d = take_number();
    move(b, a);
    const int off = between(0, 30);
    alu_imm(kAdd, b, off);
    held_[b].off = at + off;
    if (one_in(2)) {
      alu(kMov, a, d, !one_in(3));
      alu_imm(kAdd, a, between(-9, 9), !one_in(3));
      held_[a] = {};
    }
    if (one_in(2)) {
      move(c, b);
      alu_imm(kAdd, c, 8);
      held_[c].off += 8;
    } else {
      alu(kMov, c, d);
      alu_imm(one_of<std::uint8_t>({kAdd, kLsh, kRsh, kAnd}), c, between(0, 20));
      held_[c] = {};
    }
    load(one_of({1, 2, 4, 8}), d, b, between(0, 20));
    if (one_in(2) && held_[c].kind == Kind::memory) store(8, c, 0, d);
    if (one_in(2)) {
      alu(kMov, b, d, one_in(2));
      held_[b] = {};
    }
  }
};

}  // namespace

std::vector<Insn> generate_tuned(std::uint64_t seed) { return Generator(seed).program(); }

}  // namespace skep::differential
