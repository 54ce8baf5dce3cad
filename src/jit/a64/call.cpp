// Calls, and leaving functions.
#include "helpers/env.hpp"
#include "jit/a64/emitter.hpp"

namespace skep::jit::a64 {

using vm::CallOuts;

/// The callee's frame is the next lower one; one that stays in generated code tells nobody. A proof says that there is
/// room for it. Whoever comes back may have left windows on it, or another image current.
template <class Call>
void A64Emitter::call_in_new_frame(const At& at, bool tells_frame, Call&& call) {
  const auto image_address = reinterpret_cast<std::uint64_t>(&image());
  const asmjit::Label after = a_.newLabel();
  if (!image().proven) {
    a_.ldr(kTemp, SKEP_MACHINE(lowest_frame));
    a_.cmp(kFrame, kTemp);
    branch_if(arm::CondCode::kEQ, put_off(at.index, CallOuts::too_deep, after));
  }
  if (is_guarded()) {
    a_.ldr(kTemp, SKEP_MACHINE(stack_windows));
    a_.str(kTemp, arm::ptr_pre(arm::sp, -16));
    a_.str(arm::xzr, SKEP_MACHINE(stack_windows));
  }
  a_.sub(kFrame, kFrame, vm::kFrameBytes);
  a_.sub(kFrameBottom, kFrameBottom, vm::kFrameBytes);
  if (tells_frame) a_.str(kFrame, SKEP_MACHINE(frame_pointer));
  call();
  const auto when_left = [&](auto&& branch) {
    const asmjit::Label back = a_.newLabel();
    Stub& stub = stubs_.emplace_back(Stub{a_.newLabel(), back, at.index, CallOuts::leave});
    stub.address = image_address;
    stub.keeps_address = false;
    branch(stub.from);
    a_.bind(back);
  };
  if (plan_.has_tail_calls && tells_frame) {
    move_constant(kTemp, image_address);
    a_.ldr(kTemp2, SKEP_MACHINE(current));
    a_.cmp(kTemp, kTemp2);
    when_left([&](const asmjit::Label& stub) { branch_if(arm::CondCode::kNE, stub); });
  }
  if (is_guarded()) {
    a_.ldr(kTemp, SKEP_MACHINE(stack_windows));
    when_left([&](const asmjit::Label& stub) { branch_if_not_zero(kTemp, stub); });
    a_.ldr(kTemp, arm::ptr_post(arm::sp, 16));
    a_.str(kTemp, SKEP_MACHINE(stack_windows));
  }
  a_.add(kFrame, kFrame, vm::kFrameBytes);
  a_.add(kFrameBottom, kFrameBottom, vm::kFrameBytes);
  if (tells_frame) a_.str(kFrame, SKEP_MACHINE(frame_pointer));
  a_.bind(after);
}

void A64Emitter::call_function(const At& at, const asmjit::Label& callee) {
  call_in_new_frame(at, callee_of(plan_, at.op).calls && !plan_.stands_alone, [&] { a_.bl(callee); });
}

void A64Emitter::call_register(const At& at) {
  const asmjit::Label done = a_.newLabel();
  call_thunk(at.index, CallOuts::call_register);
  a_.cbz(kAddress, done);
  call_in_new_frame(at, true, [&] { a_.blr(kAddress); });
  a_.bind(done);
}

void A64Emitter::call_builtin(const At& at, const lower::Binding& binding) {
  if (binding.row.id == static_cast<std::uint32_t>(abi::HelperId::get_smp_processor_id)) return load_cpu(at, reg(0));
  const bool calls_into_us = calls_back(binding);
  if (calls_into_us) {
    move_constant(kTemp, reinterpret_cast<std::uint64_t>(&image().ops[at.index]));
    a_.str(kTemp, SKEP_MACHINE(calling));
  }
  move_constant(kTemp, reinterpret_cast<std::uint64_t>(binding.code));
  a_.ldr(arm::x0, SKEP_MACHINE(env));
  a_.blr(kTemp);
  if (!calls_into_us) return;
  a_.ldr(kTemp, SKEP_MACHINE(ended));
  branch_if_not_zero(kTemp, unwind_);
}

/// The round, how many there are and the callback's context wait on the native stack. As the helper does, each round
/// asks whether the run is to stop.
void A64Emitter::call_loop(const At& at, const asmjit::Label& callback, const FunctionPlan& plan) {
  constexpr int kBytes = 32;
  const asmjit::Label again = a_.newLabel(), out = a_.newLabel(), done = a_.newLabel();
  move_constant(reg(0), static_cast<std::uint64_t>(-EINVAL));
  a_.cbnz(reg(4), done);
  move_constant(reg(0), static_cast<std::uint64_t>(-E2BIG));
  move_constant(kTemp, helpers::kMaxLoops);
  a_.cmp(reg(1).w(), kTemp.w());
  a_.b_hi(done);
  a_.mov(reg(0), arm::xzr);
  a_.cbz(reg(1).w(), done);
  a_.stp(arm::xzr, reg(1), arm::ptr_pre(arm::sp, -kBytes));
  a_.str(reg(3), arm::ptr(arm::sp, 16));
  a_.bind(again);
  poll(at.index);
  a_.ldr(reg(1), arm::ptr(arm::sp));
  a_.ldr(reg(2), arm::ptr(arm::sp, 16));
  call_in_new_frame(at, plan.calls, [&] { a_.bl(callback); });
  a_.ldp(kTemp, kTemp2, arm::ptr(arm::sp));
  a_.add(kTemp, kTemp, 1);
  a_.str(kTemp, arm::ptr(arm::sp));
  a_.cbnz(reg(0), out);
  a_.cmp(kTemp.w(), kTemp2.w());
  a_.b_lo(again);
  a_.bind(out);
  a_.mov(reg(0).w(), kTemp.w());
  a_.add(arm::sp, arm::sp, kBytes);
  a_.bind(done);
}

void A64Emitter::tail_call(const At& at) {
  const asmjit::Label falls_through = a_.newLabel();
  call_thunk(at.index, CallOuts::tail_call);
  a_.cbz(kAddress, falls_through);
  end_function();
  a_.br(kAddress);
  a_.bind(falls_through);
}

void A64Emitter::call_out(const At& at, vm::CallOut callee) { call_thunk(at.index, callee); }

void A64Emitter::exit(const At&) {
  end_function();
  a_.ret(kReturnAddress);
}

}  // namespace skep::jit::a64
