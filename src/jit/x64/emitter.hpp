// The x86-64 backend: straight encodings, what is rarely run at the end of the code.
//
// Each file of this folder encodes one kind of op. Ops leave nothing behind but their results: every op may assume that
// all scratch registers and the flags are its own.
#pragma once

#include <vector>

#include "jit/division.hpp"
#include "jit/emitter.hpp"
#include "jit/x64/abi.hpp"

namespace skep::jit::x64 {

/// What lies at a sum, as an operand.
[[nodiscard]] x86::Mem memory(const Sum& sum, std::uint32_t bytes = 0);

class X64Emitter final : public Emitter {
 public:
  X64Emitter(const Plan& plan, asmjit::CodeHolder& code);

 private:
  /// A rare way through a call that needs no call-out: code at `from`, emitted later, that goes on at `back`.
  struct Miss {
    enum class Kind : std::uint8_t { result, cpu };
    asmjit::Label from;
    asmjit::Label back;
    x86::Gp dst;
    Kind kind;
    std::int32_t result;
    std::uint32_t index;
  };

  // emitter.cpp: frames, and what is put off
  void emit_plain_start() override;
  void emit_start() override;
  void emit_interpret() override;
  void begin_function(const FunctionPlan& function) override;
  void finish() override;
  void bind(const asmjit::Label& label) override { a_.bind(label); }
  void jump_over(const asmjit::Label& label) override { a_.jmp(label); }
  void align_loop() override { a_.align(asmjit::AlignMode::kCode, 32); }
  void meter(std::uint32_t index, std::uint32_t cost) override;
  void poll(std::uint32_t index) override;
  void end_function();
  void clear_frame(std::uint32_t bytes);

  // alu.cpp
  void alu_imm(const At& at) override;
  void alu_reg(const At& at) override;
  void unary(const At& at) override;
  void constant(const At& at) override;
  void unite(unsigned into, const Halves& halves) override;
  void move_constant(const x86::Gp& dst, std::uint64_t value);
  void multiply(const x86::Gp& dst, const x86::Gp& factor, std::int32_t number);
  void shift_by_register(const At& at);

  // divide.cpp
  void divide(const At& at, const x86::Gp& divisor);
  void divide_by_constant(const At& at);
  void divide_by_power(const x86::Gp& dst, const Division& plan);
  void multiply_wide(const x86::Gp& factor, std::uint64_t multiplier, bool is_signed);
  void multiply_high(const x86::Gp& dst, const Division& by);
  void multiply_high_signed(const x86::Gp& dst, const Division& by);

  // memory.cpp
  void load(const At& at) override;
  void store(const At& at) override;
  /// Emits what guards the access; the operand to access it with.
  x86::Mem guarded(const At& at, vm::Access access, unsigned base, vm::CallOut slow, bool access_follows);
  void move_in(const At& at, const x86::Gp& dst, x86::Mem from);
  void move_out(const At& at, x86::Mem to);

  // fuse.cpp
  std::uint32_t fused(std::uint32_t index, std::uint32_t end) override;
  std::uint32_t fuse_move(std::uint32_t index);
  std::uint32_t fuse_address(std::uint32_t index, std::uint32_t end);
  std::uint32_t fuse_rotate(std::uint32_t index, std::uint32_t end);
  [[nodiscard]] bool goes_straight(std::uint32_t index, std::uint32_t count, std::uint32_t end) const;

  // jump.cpp
  void jump_to(const Branch& branch) override;
  void may_goto(const At& at, const asmjit::Label& target) override;
  void branch(const At& at, const Branch& branch) override;
  void select(const At& compare, const At& move) override;
  [[nodiscard]] const MostBytes& most_bytes() const override;
  [[nodiscard]] bool is_near(const At& at) const override;
  std::uint32_t fuse_select(std::uint32_t index, std::uint32_t end);
  void compare(const At& at);

  // forms.cpp
  void form_sum(unsigned dst, const Sum& sum, unsigned width) override;
  void load_at(const At& at, const Sum& address) override;
  void store_at(const At& at, const Sum& address) override;
  void clear_16(const Sum& address) override;
  void alu_from(const At& at, unsigned from) override;
  void rotate(unsigned dst, unsigned src, unsigned left, unsigned width) override;

  // loop.cpp
  void hasten(const QuickLoop& loop, const asmjit::Label& behind) override;
  void count_left(const QuickLoop& loop, const x86::Gp& left);
  void leave_where_places_overlap(const QuickLoop& loop, const asmjit::Label& leave);
  void leave_where_places_meet(const QuickLoop& loop, const asmjit::Label& leave);
  void turn_round(unsigned bytes, const x86::Xmm& all);
  void add_up(unsigned bytes, const x86::Xmm& total, const x86::Xmm& from);

  // call.cpp
  void call_function(const At& at, const asmjit::Label& callee) override;
  void call_register(const At& at) override;
  void call_builtin(const At& at, const lower::Binding& binding) override;
  void call_loop(const At& at, const asmjit::Label& callback, const FunctionPlan& plan) override;
  // lookup.cpp
  void lookup_array(const At& at, const lower::KnownCall& lookup, const Sum& key) override;
  asmjit::Label find_element(const At& at, const lower::KnownCall& update, const Sum& key) override;
  void store_word(std::int32_t off, const Sum& from, unsigned bytes) override;
  void call_direct(const At& at, const lower::KnownCall& call) override;
  asmjit::Label find_value(const At& at, const lower::KnownCall& call, const Sum& key, const x86::Gp& index,
                           std::int32_t missed);
  void load_cpu(const At& at, const x86::Gp& dst);
  asmjit::Label put_off_miss(const At& at, const x86::Gp& dst, Miss::Kind kind, std::int32_t result = 0);
  void emit_misses();

  // call.cpp
  void tail_call(const At& at) override;
  void call_out(const At& at, vm::CallOut callee) override;
  void exit(const At& at) override;
  template <class Callee>
  void call_in_new_frame(const At& at, const Callee& callee, const FunctionPlan* known);  // null: any

  // atomic.cpp
  void atomic(const At& at) override;
  void fetch_in_a_loop(const At& at, const x86::Mem& memory);

  /// The label of a new stub; it comes back to a label that is bound here now or by the caller.
  asmjit::Label put_off(std::uint32_t index, vm::CallOut callee, const asmjit::Label& back);
  /// Calls the shared code of a call-out: all registers are saved and loaded back, the result is in kAddress.
  void call_thunk(std::uint32_t index, vm::CallOut callee);
  void emit_stub(const Stub& stub);
  void emit_thunks();

  x86::Assembler a_;
  bool has_bmi2_;
  asmjit::Label unwind_;
  asmjit::Label resume_;  // of the last guarded access whose slow half makes the access: to be bound behind it
  std::vector<Stub> stubs_;
  std::vector<Thunk> thunks_;
  std::vector<Miss> misses_;
};

}  // namespace skep::jit::x64
