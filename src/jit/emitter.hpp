// The contract between the walk over an image's ops and a backend, which encodes what the walk asks for.
//
// A backend keeps every BPF register in a machine register of its own from entry to exit, the Machine in one more, and
// has at least three left as scratch. It emits ops in order; what is rarely run it puts off until finish(). Labels of
// ops and functions, call-outs and the order of things are the walk's; see vm/native.hpp for what code must do at run
// time.
#pragma once

#include <asmjit/core.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <memory>
#include <vector>

#include "jit/blind.hpp"
#include "jit/loop.hpp"
#include "jit/plan.hpp"
#include "jit/value.hpp"
#include "vm/native.hpp"

namespace skep::jit {

/// By code. No op takes more bytes than this says; what is far for a jump in any case where nobody knows.
using MostBytes = std::array<std::uint8_t, lower::kCodeCount>;

class Emitter {
 public:
  /// `plan` and `code` outlive the emitter.
  Emitter(const Plan& plan, asmjit::CodeHolder& code) : plan_(plan), code_(code) {}
  virtual ~Emitter() = default;

  /// Emits everything, in order. Errors are the code holder's.
  void emit_all();

  // Where things are once the code is laid out; byte offsets.
  [[nodiscard]] std::uint64_t start_at() const { return code_.labelOffset(is_bare() ? entry() : start_); }
  [[nodiscard]] std::uint64_t enter_at() const { return code_.labelOffset(enter_); }  ///< if has_enter()
  [[nodiscard]] std::uint64_t interpret_at() const { return code_.labelOffset(interpret_); }
  [[nodiscard]] std::uint64_t function_at(std::size_t index) const { return code_.labelOffset(functions_[index]); }
  /// What is where; empty without Options::keep_map.
  [[nodiscard]] const std::vector<MachineCode::Part>& parts() const noexcept { return parts_; }

  /// Something may call back into the code.
  [[nodiscard]] bool has_enter() const noexcept { return !plan_.is_plain; }

 protected:
  friend class Tuner;

  /// An op, what its code means, and where it stands.
  struct At {
    const lower::Op& op;
    const lower::Shape& shape;
    std::uint32_t index;
  };

  /// Where a jump or a branch goes.
  struct Branch {
    asmjit::Label target;
    bool near = false;    ///< forward, and not further than the shortest form reaches
    bool unless = false;  ///< it is taken when the condition does not hold
  };

  /// A call-out that is rarely needed: code at `from`, emitted later, that goes on at `back`.
  struct Stub {
    asmjit::Label from;
    asmjit::Label back;
    std::uint32_t index;
    vm::CallOut callee;
    std::uint64_t address = 0;  ///< for the register that call-outs take an address in, unless `keeps_address`
    bool keeps_address = true;
  };
  /// The code that calls a call-out, once for all who ask for it.
  struct Thunk {
    vm::CallOut callee;
    asmjit::Label label;
  };

  // The frame of it all.
  virtual void emit_plain_start() = 0;  ///< binds start_: NativeCode::Start of code that is plain (see Plan)
  virtual void emit_start() = 0;        ///< binds start_ and enter_: NativeCode::Start and ::Enter
  virtual void emit_interpret() = 0;    ///< binds interpret_: CallOuts::interpret as if it were a function's entry
  virtual void begin_function(const FunctionPlan& function) = 0;  ///< after its label was bound
  virtual void finish() = 0;                                      ///< what was put off
  virtual void bind(const asmjit::Label& label) = 0;
  virtual void align_loop() {}                             ///< the next label is where a loop begins
  virtual void jump_over(const asmjit::Label& label) = 0;  ///< an unconditional jump

  /// Takes the block's cost from the budget; CallOuts::budget(index) where it does not cover that, and again.
  virtual void meter(std::uint32_t index, std::uint32_t cost) = 0;
  /// CallOuts::stop(index) when *Machine::stop is not 0.
  virtual void poll(std::uint32_t index) = 0;

  // Ops. `fused` may emit some ops at `index` and after it as one; how many it did, 0 for none. No op but the first has
  // a label or starts a block.
  virtual std::uint32_t fused(std::uint32_t index, std::uint32_t end) = 0;
  virtual void alu_imm(const At& at) = 0;
  virtual void alu_reg(const At& at) = 0;  ///< movsx, too
  virtual void unary(const At& at) = 0;    ///< neg and byte order
  virtual void constant(const At& at) = 0;
  virtual void unite(unsigned reg, const Halves& halves) = 0;  ///< reg, or kNumber's register, = first ^ second
  virtual void load(const At& at) = 0;
  virtual void store(const At& at) = 0;
  virtual void atomic(const At& at) = 0;
  virtual void jump_to(const Branch& branch) = 0;
  virtual void may_goto(const At& at, const asmjit::Label& target) = 0;
  virtual void branch(const At& at, const Branch& branch) = 0;
  virtual void call_function(const At& at, const asmjit::Label& callee) = 0;
  virtual void call_register(const At& at) = 0;
  virtual void call_builtin(const At& at, const lower::Binding& binding) = 0;  ///< unchecked; its code directly
  /// bpf_loop, whose callback is known: nothing counts. Polls each round.
  virtual void call_loop(const At& at, const asmjit::Label& callback, const FunctionPlan& plan) = 0;
  // Of arrays, with where the key and the value to be stored lie. They write no register of the program but r0, and
  // that once they have read all.
  virtual void lookup_array(const At& at, const lower::KnownCall& lookup, const Sum& key) = 0;
  void update_array(const At& at, const lower::KnownCall& update, const Sum& key, const Sum& value);
  /// The element under the key becomes what store_word() stores into. Where there is none, r0 becomes -E2BIG and
  /// control goes to the label that is returned; there is none where the key is in range.
  virtual asmjit::Label find_element(const At& at, const lower::KnownCall& update, const Sum& key) = 0;
  virtual void store_word(std::int32_t off, const Sum& from, unsigned bytes) = 0;  ///< 1, 2, 4 or 8 bytes
  virtual void call_direct(const At& at, const lower::KnownCall& call) = 0;        ///< lookup_direct, too
  virtual void tail_call(const At& at) = 0;
  virtual void call_out(const At& at, vm::CallOut callee) = 0;  ///< and on with the next op
  virtual void exit(const At& at) = 0;

  // What several ops do together. `at` may be made up, but for its index.
  virtual void form_sum(unsigned dst, const Sum& sum, unsigned width) = 0;
  virtual void load_at(const At& at, const Sum& address) = 0;   ///< unchecked
  virtual void store_at(const At& at, const Sum& address) = 0;  ///< unchecked
  virtual void clear_16(const Sum& address) = 0;                ///< the same, of 16 bytes
  /// As alu_imm or alu_reg, but for the first operand: `from` instead of dst. src is not dst.
  virtual void alu_from(const At& at, unsigned from) = 0;
  virtual void rotate(unsigned dst, unsigned src, unsigned left, unsigned width) = 0;
  virtual void select(const At& compare, const At& move) = 0;  ///< the move, unless the branch would be taken

  /// Runs iterations of the loop that comes next, as many as there are together; with its last, if that may be, control
  /// goes on at `behind`.
  virtual void hasten(const QuickLoop& loop, const asmjit::Label& behind) = 0;

  [[nodiscard]] virtual const MostBytes& most_bytes() const = 0;
  /// The op's jump, forward, is a near one. For ops that are emitted in order.
  [[nodiscard]] virtual bool is_near(const At& at) const = 0;

  [[nodiscard]] const lower::Image& image() const noexcept { return plan_.image; }
  [[nodiscard]] At at(std::uint32_t index) const {
    const lower::Op& op = plan_.code[index];
    return {op, lower::shape_of(op.code), index};
  }
  /// The plan of the function whose ops are being emitted: exit and tail_call take its frame down.
  [[nodiscard]] const FunctionPlan& function() const noexcept { return *function_; }
  /// What is emitted from here on is `role` of op `index`.
  void mark(MachineCode::Role role, std::uint32_t index = 0) {
    if (plan_.options.keep_map) add_part(role, index);
  }
  /// Puts the number of a blinded store into kNumber's register: after its guard, which may want that for itself.
  void unite_number(const At& at) {
    if (at.op.src == kNumber) unite(kNumber, masks_.halves(static_cast<std::uint64_t>(at.op.imm)));
  }
  [[nodiscard]] bool is_guarded() const noexcept { return image().guarded; }
  [[nodiscard]] asmjit::Label target_of(const At& at) const;
  /// The label of an op; made where it has none.
  [[nodiscard]] const asmjit::Label& label_at(std::uint32_t index);
  [[nodiscard]] const asmjit::Label& entry() const noexcept { return functions_.front(); }
  /// The register that holds the number throughout the function; kNoRegister where none does.
  [[nodiscard]] unsigned holder_of(std::uint64_t number) const;
  /// A C function all by itself, with r1 and r2 where its second and third argument are: no entry code is needed.
  [[nodiscard]] bool is_bare() const noexcept {
    return plan_.stands_alone && std::none_of(plan_.functions.begin(), plan_.functions.end(), [](const auto& function) {
             return function.names_frame || function.stack_bytes != 0;
           });
  }

  const Plan& plan_;
  asmjit::CodeHolder& code_;
  asmjit::Label start_;
  asmjit::Label enter_;
  asmjit::Label interpret_;

 private:
  [[nodiscard]] asmjit::Label new_label();
  void emit_op(std::uint32_t index);
  void emit_as(const At& here);
  void emit_coded(const At& at);
  void add_part(MachineCode::Role role, std::uint32_t index);

  std::vector<asmjit::Label> functions_;
  std::vector<asmjit::Label> targets_;  // by op, invalid where no jump leads
  const FunctionPlan* function_ = nullptr;
  std::vector<MachineCode::Part> parts_;
  Masks masks_;
};

/// The backend of this machine. `near` of compile() is an address of the library, close to what the code calls.
[[nodiscard]] std::unique_ptr<Emitter> make_emitter(const Plan& plan, asmjit::CodeHolder& code);

}  // namespace skep::jit
