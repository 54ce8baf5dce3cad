// The walk over proven code: values are put off until somebody needs them in a register.
//
// What a move, an addition, a shift or a constant yields is only noted (Value). When an access needs the sum it becomes
// the address, when an operation needs the copy it reads the original, a shift to the left and one to the right become
// a rotation, and what nobody asks for is never computed. Before a register is overwritten, what is still needed of it
// is computed; at the end of a block, what is live there. A block that is entered from one place only goes on with the
// values of that place. Registers that the function has no use for hold the addresses its loops need.
//
// Only for proven programs that do not count instructions: nothing can look at a register between two ops.
#pragma once

#include <array>

#include "jit/emitter.hpp"
#include "jit/flow.hpp"
#include "jit/value.hpp"

namespace skep::jit {

class Tuner {
 public:
  Tuner(Emitter& out, const Flow& flow) : out_(out), flow_(flow) {}

  /// Emits the ops of the function; its label is bound and its frame is there.
  void emit();

 private:
  using At = Emitter::At;

  void emit_block(std::uint32_t place);
  void emit_op(std::uint32_t index, RegSet live);
  /// `is_done`: its last op is emitted, and no jump.
  void end_block(std::uint32_t place, bool is_done);
  void end_in_branch(std::uint32_t place);
  bool end_in_select(std::uint32_t place);
  void go_on(std::uint32_t place, std::uint32_t next, std::uint32_t index);
  [[nodiscard]] std::uint32_t block_after(std::uint32_t place) const;
  [[nodiscard]] bool is_entered_once(std::uint32_t b) const {
    return flow_.blocks[b].predecessors == 1 && b != behind_;
  }
  [[nodiscard]] bool goes_back(std::uint32_t place, std::uint32_t target) const;
  [[nodiscard]] bool is_near(std::uint32_t place, std::uint32_t target) const;

  // Ops.
  void arithmetic(const At& at);
  void operate(const At& at, std::optional<std::uint64_t> operand);
  bool note_sum(const At& at, std::optional<std::uint64_t> operand);
  bool note_scaled(const At& at);
  bool note_extension(const At& at, std::uint64_t operand);
  bool note_bits(const At& at, std::uint64_t operand);
  bool note_rotation(const At& at);
  void load(const At& at);
  void store(const At& at);
  std::uint32_t store_row(std::uint32_t index, std::uint32_t end);
  /// What is loaded byte by byte and put together, from an op that loads a byte on, as one load. How many ops it was; 0
  /// where it is anything else.
  std::uint32_t load_bytes(std::uint32_t index, std::uint32_t end);
  void array(const At& at, const lower::KnownCall& call);
  void plainly(const At& at);
  void branch(const At& at, Emitter::Branch branch);

  // Registers of the program, and what they hold.
  [[nodiscard]] bool is_own(unsigned reg) const noexcept { return (waiting_ & bit_of(reg)) == 0; }
  [[nodiscard]] bool is_short(unsigned reg) const noexcept { return (short_ & bit_of(reg)) != 0; }
  /// The machine register that holds the low `width` bits of `reg`; computes it where there is none.
  unsigned in_register(unsigned reg, unsigned width = 64) { return is_own(reg) ? reg : find_register(reg, width); }
  unsigned find_register(unsigned reg, unsigned width);
  /// The same where it must hold until later: a register that is its own.
  unsigned in_lasting_register(unsigned reg, unsigned width);
  /// What `reg` holds as a constant that an operation of `width` bits takes for an immediate.
  [[nodiscard]] std::optional<std::uint64_t> constant_in(unsigned reg, unsigned width) const;
  /// [reg + off] as an address.
  Sum address_of(unsigned reg, std::int32_t off);
  /// What `reg` holds, as a sum that may be noted for `dst`; of `width` bits at least.
  Sum lasting_sum(unsigned reg, unsigned width, unsigned dst);
  /// All that the value reads, but for `except`, is there to stay: it may be noted.
  [[nodiscard]] bool lasts(const Value& value, RegSet except) const noexcept;
  void note(unsigned reg, Value value);
  /// The same for a value that nothing simpler says, and that is not what is in the register.
  void keep(unsigned reg, const Value& value);
  /// Before code writes the machine register of `reg`: computes what else is needed of it, and not for one of `but`.
  void free(unsigned reg, RegSet but = 0);
  void written(unsigned reg, bool is_short);
  /// Nothing waits for `reg` any longer: its machine register holds it, or nobody asks.
  void drop(unsigned reg);
  void drop_all();
  void compute_all(RegSet regs);
  void compute(unsigned reg) {
    if (!is_own(reg)) compute_waiting(reg);
  }
  void compute_waiting(unsigned reg);
  [[nodiscard]] RegSet twins_of(unsigned reg) const;
  void emit_value(unsigned reg, const Value& value);

  static constexpr unsigned kReaderBits = 31;  // where kNoRegister is a place that nobody writes to

  Emitter& out_;
  const Flow& flow_;
  std::array<Value, kRegisterNumbers> values_;
  /// By the register that is read: all that wait for a value of it, and some that do not wait any more.
  std::array<RegSet, kReaderBits + 1> readers_{};
  RegSet waiting_ = 0;                       // registers whose value is not their own machine register's
  RegSet short_ = 0;                         // machine registers whose upper half is known to be 0
  RegSet needed_ = 0;                        // what this op reads, and what is live after it
  RegSet live_ = 0;                          // what is live after it
  std::vector<RegSet> live_after_;           // by op of the block that is emitted
  std::uint32_t block_first_ = 0;            // its first op
  std::vector<std::uint32_t> bytes_before_;  // by place, estimated from above
  asmjit::Label itself_;                     // where a block that jumps to itself goes, past what was done ahead
  std::uint32_t behind_ = kNoBlock;          // the block behind a loop, if what runs it ahead goes there
  std::uint32_t carried_ = kNoBlock;         // the block that goes on with the values of the one before
  std::uint32_t skipped_ = kNoBlock;         // the block that the one before has emitted as well
};

}  // namespace skep::jit
