// Calls, and leaving functions.
#include <cerrno>

#include "helpers/env.hpp"
#include "jit/x64/emitter.hpp"

namespace skep::jit::x64 {

using vm::CallOuts;

/// The callee's frame is the next lower one; a callee that never looks at it, nor anyone below, does without, and one
/// that stays in generated code tells nobody. A proof says that there is room for it. Whoever comes back may have left
/// windows on it, or another image current.
template <class Callee>
void X64Emitter::call_in_new_frame(const At& at, const Callee& callee, const FunctionPlan* known) {
  const bool tells_frame = known == nullptr || (known->calls && !plan_.stands_alone);
  const bool moves_frame = tells_frame || known->names_frame;
  const auto image_address = reinterpret_cast<std::uint64_t>(&image());
  const asmjit::Label after = a_.newLabel();
  if (!image().proven) {
    a_.cmp(kFrame, SKEP_MACHINE(lowest_frame));
    a_.je(put_off(at.index, CallOuts::too_deep, after));
  }
  if (is_guarded()) {
    a_.push(SKEP_MACHINE(stack_windows));
    a_.push(kTemp);  // alignment
    a_.mov(SKEP_MACHINE(stack_windows), 0);
  }
  if (moves_frame) a_.sub(kFrame, static_cast<int>(vm::kFrameBytes));
  if (tells_frame) a_.mov(SKEP_MACHINE(frame_pointer), kFrame);
  a_.call(callee);
  const auto when_left = [&](auto&& jump) {
    const asmjit::Label back = a_.newLabel();
    Stub& stub = stubs_.emplace_back(Stub{a_.newLabel(), back, at.index, CallOuts::leave});
    stub.address = image_address;
    stub.keeps_address = false;
    jump(stub.from);
    a_.bind(back);
  };
  if (plan_.has_tail_calls && tells_frame) {
    a_.mov(kTemp, image_address);
    a_.cmp(SKEP_MACHINE(current), kTemp);
    when_left([&](const asmjit::Label& stub) { a_.jne(stub); });
  }
  if (is_guarded()) {
    a_.cmp(SKEP_MACHINE(stack_windows), 0);
    when_left([&](const asmjit::Label& stub) { a_.jne(stub); });
    a_.pop(kTemp);
    a_.pop(SKEP_MACHINE(stack_windows));
  }
  if (moves_frame) a_.sub(kFrame, -static_cast<int>(vm::kFrameBytes));
  if (tells_frame) a_.mov(SKEP_MACHINE(frame_pointer), kFrame);
  a_.bind(after);
}

void X64Emitter::call_function(const At& at, const asmjit::Label& callee) {
  call_in_new_frame(at, callee, &callee_of(plan_, at.op));
}

void X64Emitter::call_register(const At& at) {
  const asmjit::Label done = a_.newLabel();
  call_thunk(at.index, CallOuts::call_register);
  a_.test(kAddress, kAddress);
  a_.jz(done);
  call_in_new_frame(at, kAddress, nullptr);
  a_.bind(done);
}

void X64Emitter::call_builtin(const At& at, const lower::Binding& binding) {
  if (binding.row.id == static_cast<std::uint32_t>(abi::HelperId::get_smp_processor_id)) return load_cpu(at, reg(0));
  const bool calls_into_us = calls_back(binding);
  if (calls_into_us) {
    a_.mov(kTemp, reinterpret_cast<std::uint64_t>(&image().ops[at.index]));
    a_.mov(SKEP_MACHINE(calling), kTemp);
  }
  a_.mov(x86::rdi, SKEP_MACHINE(env));
  a_.call(asmjit::imm(reinterpret_cast<std::uint64_t>(binding.code)));
  if (!calls_into_us) return;
  a_.cmp(SKEP_MACHINE(ended), 0);
  a_.jne(unwind_);
}

/// The round, how many there are and the callback's context wait on the native stack. As the helper does, each round
/// asks whether the run is to stop.
void X64Emitter::call_loop(const At& at, const asmjit::Label& callback, const FunctionPlan& plan) {
  constexpr int kBytes = 32;  // three words, and the stack stays aligned
  const x86::Mem round = x86::dword_ptr(x86::rsp), count = x86::dword_ptr(x86::rsp, 8),
                 ctx = x86::qword_ptr(x86::rsp, 16);
  const asmjit::Label again = a_.newLabel(), out = a_.newLabel(), done = a_.newLabel();
  a_.mov(reg(0), -EINVAL);
  a_.test(reg(4), reg(4));
  a_.jnz(done);
  a_.mov(reg(0), -E2BIG);
  a_.cmp(reg(1).r32(), helpers::kMaxLoops);
  a_.ja(done);
  a_.xor_(reg(0).r32(), reg(0).r32());
  a_.test(reg(1).r32(), reg(1).r32());
  a_.jz(done);
  a_.sub(x86::rsp, kBytes);
  a_.mov(round, reg(0).r32());
  a_.mov(count, reg(1).r32());
  a_.mov(ctx, reg(3));
  a_.bind(again);
  poll(at.index);
  a_.mov(reg(1).r32(), round);
  a_.mov(reg(2), ctx);
  call_in_new_frame(at, callback, &plan);
  a_.mov(kTemp.r32(), round);
  a_.inc(kTemp.r32());
  a_.mov(round, kTemp.r32());
  a_.test(reg(0), reg(0));
  a_.jnz(out);
  a_.cmp(kTemp.r32(), count);
  a_.jb(again);
  a_.bind(out);
  a_.mov(reg(0).r32(), kTemp.r32());
  a_.add(x86::rsp, kBytes);
  a_.bind(done);
}

void X64Emitter::tail_call(const At& at) {
  const asmjit::Label falls_through = a_.newLabel();
  call_thunk(at.index, CallOuts::tail_call);
  a_.test(kAddress, kAddress);
  a_.jz(falls_through);
  end_function();
  a_.jmp(kAddress);
  a_.bind(falls_through);
}

void X64Emitter::call_out(const At& at, vm::CallOut callee) { call_thunk(at.index, callee); }

void X64Emitter::exit(const At&) {
  end_function();
  a_.ret();
}

}  // namespace skep::jit::x64
