// The arm64 backend: straight encodings, what is rarely run at the end of the code.
//
// Each file of this folder encodes one kind of op. Ops leave nothing behind but their results: every op may assume that
// all scratch registers and the flags are its own.
#pragma once

#include <vector>

#include "jit/a64/abi.hpp"
#include "jit/division.hpp"
#include "jit/emitter.hpp"

namespace skep::jit::a64 {

class A64Emitter final : public Emitter {
 public:
  A64Emitter(const Plan& plan, asmjit::CodeHolder& code);

 private:
  /// A rare way through a call that needs no call-out: code at `from`, emitted later, that goes on at `back`.
  struct Miss {
    enum class Kind : std::uint8_t { result, cpu };
    asmjit::Label from;
    asmjit::Label back;
    arm::GpX dst;
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
  void jump_over(const asmjit::Label& label) override { a_.b(label); }
  void meter(std::uint32_t index, std::uint32_t cost) override;
  void poll(std::uint32_t index) override;
  void end_function();
  void clear_frame(std::uint32_t bytes);
  void landing_pad();

  // alu.cpp
  std::uint32_t fused(std::uint32_t index, std::uint32_t end) override;
  void alu_imm(const At& at) override { alu_imm_from(at, at.op.dst); }
  void alu_reg(const At& at) override { alu_reg_from(at, at.op.dst); }
  void alu_from(const At& at, unsigned from) override;
  void alu_imm_from(const At& at, unsigned from);
  void alu_reg_from(const At& at, unsigned from);
  void unary(const At& at) override;
  void constant(const At& at) override;
  void unite(unsigned into, const Halves& halves) override;
  void move_constant(const arm::GpX& dst, std::uint64_t value);
  /// dst = src + value at their width. Uses kTemp for what no immediate holds; src must be another register then.
  void add_constant(const arm::Gp& dst, const arm::Gp& src, std::int64_t value);
  void logical_constant(const At& at, unsigned from, std::uint64_t value);

  // divide.cpp
  void divide(const At& at, unsigned from, const arm::GpX& divisor);
  void divide_by_constant(const At& at, unsigned from);
  void divide_by_power(const arm::Gp& dst, const arm::Gp& first, const Division& plan);
  void multiply_high(const arm::Gp& quotient, const arm::Gp& first, const Division& plan);
  void multiply_high_signed(const arm::Gp& quotient, const arm::Gp& first, const Division& plan);

  // memory.cpp
  void load(const At& at) override;
  void store(const At& at) override;
  [[nodiscard]] static bool has_displacement(std::int32_t off, std::uint32_t bytes) noexcept;
  /// The operand for [base + off]; where no displacement holds `off`, or none may be used, through kAddress.
  arm::Mem operand(unsigned base, std::int32_t off, std::uint32_t bytes, bool bare);
  /// Emits what guards the access; the operand to access it with.
  arm::Mem guarded(const At& at, vm::Access access, unsigned base, vm::CallOut slow, bool access_follows);
  void move_in(const At& at, const arm::Mem& from);
  void move_out(const At& at, const arm::Mem& to);

  // jump.cpp
  void jump_to(const Branch& branch) override { a_.b(branch.target); }
  void may_goto(const At& at, const asmjit::Label& target) override;
  void branch(const At& at, const Branch& branch) override;
  void select(const At& compare, const At& move) override;
  [[nodiscard]] const MostBytes& most_bytes() const override;
  [[nodiscard]] bool is_near(const At&) const override { return false; }
  void compare(const At& at);
  void compare_constant(const arm::Gp& dst, std::int32_t imm);
  // Conditional branches, whatever the distance.
  void branch_if(arm::CondCode condition, const asmjit::Label& target);
  void branch_if_zero(const arm::Gp& value, const asmjit::Label& target);
  void branch_if_not_zero(const arm::Gp& value, const asmjit::Label& target);
  [[nodiscard]] bool may_be_far(const asmjit::Label& target) const;

  // forms.cpp
  void form_sum(unsigned dst, const Sum& sum, unsigned width) override;
  void load_at(const At& at, const Sum& address) override;
  void store_at(const At& at, const Sum& address) override;
  void clear_16(const Sum& address) override;
  void rotate(unsigned dst, unsigned src, unsigned left, unsigned width) override;
  arm::Mem memory(const Sum& sum, std::uint32_t bytes);
  void form_address(const Sum& sum);

  // loop.cpp
  void hasten(const QuickLoop& loop, const asmjit::Label& behind) override;
  void place_in(const arm::GpX& to, const Place& place);
  void leave_where_places_clash(const QuickLoop& loop, const asmjit::Label& leave);
  void turn_round(unsigned bytes, const arm::Vec& all);
  void add_up(unsigned bytes, const arm::Vec& total, const arm::Vec& from);

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
  asmjit::Label find_value(const At& at, const lower::KnownCall& call, const Sum& key, const arm::GpX& to,
                           std::int32_t missed);
  void load_cpu(const At& at, const arm::GpX& dst);
  asmjit::Label put_off_miss(const At& at, const arm::GpX& dst, Miss::Kind kind, std::int32_t result = 0);
  void emit_misses();

  // call.cpp
  void tail_call(const At& at) override;
  void call_out(const At& at, vm::CallOut callee) override;
  void exit(const At& at) override;
  template <class Call>
  void call_in_new_frame(const At& at, bool tells_frame, Call&& call);

  // atomic.cpp
  void atomic(const At& at) override;
  void atomic_at_once(const At& at, const arm::Mem& memory);
  void atomic_in_a_loop(const At& at, const arm::Mem& memory);

  /// The label of a new stub; it comes back to a label that is bound here now or by the caller.
  asmjit::Label put_off(std::uint32_t index, vm::CallOut callee, const asmjit::Label& back);
  /// Calls the shared code of a call-out: all registers are saved and loaded back, the result is in kAddress.
  void call_thunk(std::uint32_t index, vm::CallOut callee);
  void emit_stub(const Stub& stub);
  void emit_thunks();

  arm::Assembler a_;
  bool has_lse_;  // atomic instructions, instead of loops
  asmjit::Label unwind_;
  asmjit::Label resume_;  // of the last guarded access whose slow half makes the access: to be bound behind it
  std::vector<Stub> stubs_;
  std::vector<Thunk> thunks_;
  std::vector<Miss> misses_;
};

}  // namespace skep::jit::a64
