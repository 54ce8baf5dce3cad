// A function is a list of pieces, some of which hold others. What pieces may use is drawn once a function: a few
// registers, a few slots, and whether it ever hands out an address of its frame.
#include "differential/tuned_slots.hpp"

#include <utility>

#include "differential/tuned_writer.hpp"

namespace skep::differential {
namespace {

constexpr int kSlots = 8;
constexpr int kDeepest = -8 * kSlots;  // slots lie from there up to the frame's top

class Generator : TunedWriter {
 public:
  explicit Generator(std::uint64_t seed) : TunedWriter(seed) {}

  std::vector<Insn> program() {
    start_function(true);
    point_to_memory(memory_, 0);
    for (const Reg reg : numbers()) load(8, reg, memory_, 8 * reg);
    store_first();
    append_pieces(1 + below(4), 0);
    if (!one_in(8)) append_loop(0);
    append_pieces(1 + below(4), 0);
    for (const Reg reg : numbers())
      if (one_in(2)) store(8, memory_, kResultsAt + 8 * reg, reg);
    load_slot(0);
    add(Insn(0x95, 0, 0, 0, 0));
    append_callee(numbers_callee_, false);
    append_callee(pointer_callee_, true);
    return insns_;
  }

 private:
  // ---------------------------------------------------------------------------------------------------- a function

  /// r0 is always used; a pointer to memory is kept where calls preserve it.
  void start_function(bool has_memory) {
    used_ = 1;
    for (std::uint64_t count = 1 + below(5); count > 0; --count) used_ |= 1u << below(10);
    memory_ = static_cast<Reg>(6 + below(4));
    if (has_memory) used_ &= ~(1u << memory_);
    sizes_ = static_cast<unsigned>(random_());
    shows_frame_ = one_in(2);
    calls_ = one_in(2);
    kept_ = 0;
  }

  [[nodiscard]] std::vector<Reg> numbers() const {
    std::vector<Reg> regs;
    for (Reg reg = 0; reg < 10; ++reg)
      if ((used_ >> reg & 1) != 0) regs.push_back(reg);
    return regs;
  }
  Reg pick() {
    const std::vector<Reg> regs = numbers();
    return regs[below(regs.size())];
  }

  /// What some slots hold at first; of others the frame's zeros are seen, or nothing.
  void store_first() {
    for (int slot = 0; slot < kSlots; ++slot)
      if (!one_in(6)) store_slot(slot);
  }

  /// Each slot has its size, but now and then it is accessed otherwise.
  [[nodiscard]] int size_at(int slot) const { return (sizes_ >> slot & 1) != 0 ? 8 : 4; }
  [[nodiscard]] static int off_of(int slot) { return kDeepest + 8 * slot; }
  /// Nobody waits for what it holds.
  int some_slot() {
    for (;;)
      if (const auto slot = static_cast<int>(below(kSlots)); (kept_ >> slot & 1) == 0) return slot;
  }
  void store_slot(int slot) {
    if (one_in(3))
      store_imm(size_at(slot), kFrame, off_of(slot), immediate());
    else
      store(size_at(slot), kFrame, off_of(slot), pick());
  }
  void load_slot(Reg reg) {
    const int slot = some_slot();
    load(size_at(slot), reg, kFrame, off_of(slot));
  }

  // ------------------------------------------------------------------------------------------------------- pieces

  void append_pieces(std::uint64_t count, int depth) {
    for (; count > 0; --count) append_piece(depth);
  }

  void append_piece(int depth) {
    switch (below(16)) {
      case 0:
      case 1:
      case 2:
        return store_slot(some_slot());
      case 3:
      case 4:
      case 5:
        return load_slot(pick());
      case 6:
        return one_in(3) ? access_part() : append_arithmetic();
      case 7:
      case 8:
        return append_arithmetic();
      case 9:
        return depth < 3 ? append_branch(depth) : append_arithmetic();
      case 10:
        return depth < 2 ? append_loop(depth) : append_arithmetic();
      case 11:
        return append_spill(depth);
      case 12:
        return calls_ ? call_function() : append_arithmetic();
      case 13:
        return shows_frame_ ? look_up() : append_arithmetic();
      case 14:
        return shows_frame_ && one_in(2) ? access_by_copy() : append_arithmetic();
      default:
        return shows_frame_ && calls_ && one_in(3) ? call_with_pointer() : append_arithmetic();
    }
  }

  void append_arithmetic() {
    const std::uint8_t operation = one_of<std::uint8_t>({kAdd, kSub, kXor, kOr, kAnd, kMul, kMov, kMov});
    const bool wide = !one_in(3);
    if (one_in(3))
      alu_imm(operation, pick(), immediate(), wide);
    else
      alu(operation, pick(), pick(), wide);
  }

  void access_part() {
    const int bytes = one_of({1, 2, 4, 8});
    const int off = off_of(some_slot()) + (bytes == 8 ? 0 : bytes * between(0, 8 / bytes - 1));
    if (one_in(2))
      load(bytes, pick(), kFrame, off);
    else
      store(bytes, kFrame, off, pick());
  }

  void append_branch(int depth) {
    const std::size_t over = one_in(2) ? jump_if_imm(one_of<std::uint8_t>({kJset, kJeq, kJne}), pick(), 1, one_in(2))
                                       : jump_if(kJne, pick(), pick(), true);
    append_pieces(1 + below(3), depth + 1);
    if (one_in(2)) {
      const std::size_t out = jump();
      land(over);
      append_pieces(1 + below(3), depth + 1);
      land(out);
    } else {
      land(over);
    }
  }

  /// Its counter is a slot.
  void append_loop(int depth) {
    const int slot = some_slot();
    kept_ |= 1u << slot;
    store_imm(size_at(slot), kFrame, off_of(slot), 0);
    const std::size_t start = insns_.size();
    append_pieces(1 + below(4), depth + 1);
    const Reg counter = pick();
    load(size_at(slot), counter, kFrame, off_of(slot));
    alu_imm(kAdd, counter, 1);
    store(size_at(slot), kFrame, off_of(slot), counter);
    const std::size_t stays = jump_if_imm(kJne, counter, between(2, 5), true);
    jump_back(stays, start);
    kept_ &= ~(1u << slot);
  }

  /// A register is wanted for something else for a while: of main, the pointer to memory now and then.
  void append_spill(int depth) {
    const int slot = some_slot();
    if (size_at(slot) != 8 || depth > 3) return;
    const Reg reg = pick();
    kept_ |= 1u << slot;
    store(8, kFrame, off_of(slot), reg);
    alu_imm(kMov, reg, immediate());
    append_pieces(1 + below(3), depth + 1);
    load(8, reg, kFrame, off_of(slot));
    kept_ &= ~(1u << slot);
  }

  // ------------------------------------------------------------------------------------------------------- calls

  /// r1 to r5 are gone: what the function uses of them is loaded, or set.
  void restore_clobbered() {
    for (const Reg reg : numbers()) {
      if (reg == 0 || reg > 5) continue;
      if (one_in(2))
        load_slot(reg);
      else
        alu_imm(kMov, reg, immediate());
    }
  }

  void call_function() {
    for (Reg argument = 1; argument <= 2; ++argument)
      if ((used_ >> argument & 1) == 0) alu_imm(kMov, argument, immediate());
    numbers_callee_.push_back(insns_.size());
    add(Insn(0x85, 0, 1, 0, 0));
    restore_clobbered();
  }

  /// The callee goes up and down from there.
  void call_with_pointer() {
    alu(kMov, 1, kFrame);
    alu_imm(kAdd, 1, off_of(between(2, kSlots - 3)));
    pointer_callee_.push_back(insns_.size());
    add(Insn(0x85, 0, 1, 0, 0));
    restore_clobbered();
  }

  /// A key that lies on the stack, perhaps where slots are.
  void look_up() {
    const int slot = one_in(3) ? some_slot() : kSlots - 1;
    if ((kept_ >> slot & 1) != 0) return;
    const int off = off_of(slot) + (one_in(2) ? 4 : 0);
    store_imm(4, kFrame, off, one_in(4) ? 1 : 0);
    alu(kMov, 2, kFrame);
    alu_imm(kAdd, 2, off);
    add(Insn(0x18, 1, 1, 0, static_cast<std::int32_t>(below(2))));
    add(Insn());
    add(Insn(0x85, 0, 0, 0, 1));
    const std::size_t none = jump_if_imm(kJeq, 0, 0, true);
    load(8, 0, 0, 8 * between(0, 7));
    land(none);
    restore_clobbered();
  }

  void access_by_copy() {
    const Reg copy = pick();
    const int slot = some_slot();
    const int by = 8 * between(-2, 2);
    alu(kMov, copy, kFrame);
    alu_imm(kAdd, copy, off_of(slot) - by);
    if (one_in(4)) {  // behind a branch, so that it is not known any more where it was made
      const std::size_t over = jump_if_imm(kJeq, kFrame, 0, true);
      land(over);
    }
    if (one_in(2)) store_imm(size_at(slot), copy, by, immediate());
    load(size_at(slot), copy, copy, by);
  }

  /// The function that was called at `calls`; behind the program's exit.
  void append_callee(const std::vector<std::size_t>& calls, bool gets_pointer) {
    if (calls.empty()) return;
    for (const std::size_t at : calls)
      insns_[at].imm = static_cast<std::int32_t>(insns_.size()) - static_cast<std::int32_t>(at) - 1;
    start_function(false);
    calls_ = false;
    if (gets_pointer) {
      const int size = one_of({4, 8});
      const int off = 8 * between(-2, 2);
      load(size, 0, 1, off);
      if (one_in(2)) alu_imm(kXor, 0, immediate());
      store(size, 1, 8 * between(-2, 2), 0);
      alu_imm(kMov, 1, immediate());
    } else {
      alu(kMov, 0, one_of<Reg>({1, 2}));
    }
    for (const Reg reg : numbers())
      if (reg > 1) alu_imm(kMov, reg, immediate());
    store_first();
    if (one_in(2)) append_loop(1);
    append_pieces(1 + below(5), 1);
    if (one_in(2)) load_slot(0);
    add(Insn(0x95, 0, 0, 0, 0));
  }

  unsigned used_ = 0;   // registers that hold numbers
  Reg memory_ = 6;      // points to memory, in the main function
  unsigned sizes_ = 0;  // by slot: 8 bytes, or the first 4
  unsigned kept_ = 0;   // by slot: what it holds is needed
  bool shows_frame_ = false;
  bool calls_ = false;
  std::vector<std::size_t> numbers_callee_, pointer_callee_;  // where they are called
};

}  // namespace

std::vector<Insn> generate_slots(std::uint64_t seed) { return Generator(seed).program(); }

}  // namespace skep::differential
