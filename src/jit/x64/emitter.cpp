// Entry, frames and call-outs.
#include "jit/x64/emitter.hpp"

#include <algorithm>

namespace skep::jit {

/// What stands alone has no use for kMachine.
RegSet spare_registers(const Plan& plan) noexcept {
  static_assert(x64::kRegisters[kFirstSpare] == x64::kMachine);
  return plan.stands_alone ? bit_of(kFirstSpare) : RegSet{0};
}

std::unique_ptr<Emitter> make_emitter(const Plan& plan, asmjit::CodeHolder& code) {
  return std::make_unique<x64::X64Emitter>(plan, code);
}

namespace x64 {
namespace {

constexpr x86::Gp kPreserved[] = {x86::rbx, x86::rbp, x86::r12, x86::r13, x86::r14, x86::r15};
constexpr std::int32_t kRegistersBytes = sizeof(vm::Registers);
// Entries push the return address, what is preserved and unwind_sp; call-outs their return address and the registers:
// both leave the stack at a multiple of 16.
static_assert((8 + 8 * std::size(kPreserved) + 8) % 16 == 0);
static_assert((8 + kRegistersBytes) % 16 == 0);

}  // namespace

X64Emitter::X64Emitter(const Plan& plan, asmjit::CodeHolder& code) : Emitter(plan, code), a_(&code) {
  const auto& features = asmjit::CpuInfo::host().features().x86();
  has_bmi2_ = features.hasBMI2();
  unwind_ = a_.newLabel();
}

/// start(rdi: machine, rsi: r1, rdx: r2). What cannot end early needs no way back from the middle, and functions keep
/// what they use. What stands alone has its frames below that of C.
void X64Emitter::emit_plain_start() {
  a_.bind(start_);
  a_.endbr64();
  a_.push(kFrame);
  if (plan_.stands_alone) {
    a_.mov(kFrame, x86::rsp);
    a_.sub(x86::rsp, static_cast<std::int32_t>(plan_.frames * vm::kFrameBytes));
    a_.call(entry());
    a_.mov(x86::rsp, kFrame);
  } else {
    a_.push(kMachine);
    a_.push(x86::rax);  // alignment
    a_.mov(kMachine, x86::rdi);
    a_.mov(kFrame, SKEP_MACHINE(frame_pointer));
    a_.call(entry());
    a_.pop(kMachine);  // alignment
    a_.pop(kMachine);
  }
  a_.pop(kFrame);
  a_.ret();
}

/// start as above, and enter(rdi: registers, rsi: code, rdx: machine). Each keeps the outer entry's stack pointer and
/// gives it back.
void X64Emitter::emit_start() {
  const auto come_in = [this](const x86::Gp& machine) {
    a_.endbr64();
    for (const x86::Gp& preserved : kPreserved) a_.push(preserved);
    a_.mov(kMachine, machine);
    a_.push(SKEP_MACHINE(unwind_sp));
    a_.mov(SKEP_MACHINE(unwind_sp), x86::rsp);
    a_.mov(kFrame, SKEP_MACHINE(frame_pointer));
  };
  const asmjit::Label leave = a_.newLabel();
  a_.bind(enter_);
  come_in(x86::rdx);
  a_.mov(kTemp, x86::rdi);
  a_.mov(kTemp2, x86::rsi);
  for (unsigned i = 0; i < isa::kFramePointer; ++i) a_.mov(reg(i), x86::ptr_64(kTemp, static_cast<int>(8 * i)));
  a_.call(kTemp2);
  a_.jmp(leave);
  a_.bind(start_);
  come_in(x86::rdi);
  for (unsigned i = 0; i < isa::kFramePointer; ++i)
    if (i != 1 && i != 2) a_.xor_(reg(i).r32(), reg(i).r32());
  a_.call(entry());
  a_.bind(leave);
  a_.pop(SKEP_MACHINE(unwind_sp));
  for (std::size_t i = std::size(kPreserved); i-- > 0;) a_.pop(kPreserved[i]);
  a_.ret();
  // Whatever frames generated code has: they are dropped.
  a_.bind(unwind_);
  a_.mov(x86::rsp, SKEP_MACHINE(unwind_sp));
  a_.jmp(leave);
}

void X64Emitter::emit_interpret() {
  a_.bind(interpret_);
  if (!plan_.has_tail_calls) return;
  a_.endbr64();
  a_.sub(x86::rsp, 8);
  call_thunk(0, vm::CallOuts::interpret);
  a_.add(x86::rsp, 8);
  a_.ret();
}

namespace {

/// What a function's frame on the native stack holds; the return address is above it.
struct NativeFrame {
  explicit NativeFrame(const FunctionPlan& function) {
    for (unsigned i = 0; i < kMostSaved; ++i)
      if ((function.saved >> i & 1) != 0) saved[count++] = reg(kFirstSaved + i);
    const unsigned words = count + (function.counts_may_goto ? 1 : 0);
    padded = function.calls && words % 2 == 0;
  }
  std::array<x86::Gp, kMostSaved> saved;
  unsigned count = 0;
  bool padded = false;
};

}  // namespace

void X64Emitter::begin_function(const FunctionPlan& function) {
  const NativeFrame frame(function);
  a_.endbr64();
  for (unsigned i = 0; i < frame.count; ++i) a_.push(frame.saved[i]);
  if (function.counts_may_goto) {
    a_.push(SKEP_MACHINE(may_goto_left));
    a_.mov(SKEP_MACHINE(may_goto_left), vm::kMayGotoLimit);
  }
  if (frame.padded) a_.sub(x86::rsp, 8);
  clear_frame(function.stack_bytes);
}

/// All but the return.
void X64Emitter::end_function() {
  const NativeFrame frame(function());
  if (frame.padded) a_.add(x86::rsp, 8);
  if (function().counts_may_goto) a_.pop(SKEP_MACHINE(may_goto_left));
  for (unsigned i = frame.count; i-- > 0;) a_.pop(frame.saved[i]);
}

/// The top `bytes` of the BPF frame. It is aligned to 16; a few bytes more than asked for do no harm.
void X64Emitter::clear_frame(std::uint32_t bytes) {
  if (bytes == 0) return;
  const int from = -static_cast<int>((bytes + 15) / 16 * 16);
  a_.xorps(x86::xmm0, x86::xmm0);
  for (int at = from; at < 0; at += 16) a_.movaps(x86::ptr_128(kFrame, at), x86::xmm0);
}

void X64Emitter::meter(std::uint32_t index, std::uint32_t cost) {
  const asmjit::Label again = a_.newLabel();
  a_.bind(again);
  a_.sub(SKEP_MACHINE(budget), cost);
  a_.jb(put_off(index, vm::CallOuts::budget, again));
}

void X64Emitter::poll(std::uint32_t index) {
  const asmjit::Label back = a_.newLabel();
  a_.mov(kTemp, SKEP_MACHINE(stop));
  a_.cmp(x86::byte_ptr(kTemp), 0);
  a_.jne(put_off(index, vm::CallOuts::stop, back));
  a_.bind(back);
}

asmjit::Label X64Emitter::put_off(std::uint32_t index, vm::CallOut callee, const asmjit::Label& back) {
  return stubs_.emplace_back(Stub{a_.newLabel(), back, index, callee}).from;
}

void X64Emitter::call_thunk(std::uint32_t index, vm::CallOut callee) {
  auto thunk = std::find_if(thunks_.begin(), thunks_.end(), [&](const Thunk& known) { return known.callee == callee; });
  if (thunk == thunks_.end()) thunk = thunks_.insert(thunk, {callee, a_.newLabel()});
  a_.mov(kTemp.r32(), index);
  a_.call(thunk->label);
}

void X64Emitter::emit_stub(const Stub& stub) {
  mark(MachineCode::Role::detour, stub.index);
  a_.bind(stub.from);
  if (stub.callee == vm::CallOuts::budget)  // what the check has taken
    a_.add(SKEP_MACHINE(budget), plan_.refunds[stub.index] + 1);
  if (!stub.keeps_address) a_.mov(kAddress, stub.address);
  call_thunk(stub.index, stub.callee);
  a_.jmp(stub.back);
}

/// One for each call-out that the code uses, and one tail for all of them.
void X64Emitter::emit_thunks() {
  if (thunks_.empty()) return;
  mark(MachineCode::Role::shared);
  const asmjit::Label common = a_.newLabel();
  for (const Thunk& thunk : thunks_) {
    a_.bind(thunk.label);
    a_.mov(kTemp2, reinterpret_cast<std::uint64_t>(thunk.callee));
    a_.jmp(common);
  }
  a_.bind(common);
  a_.sub(x86::rsp, kRegistersBytes);
  for (unsigned i = 0; i < isa::kRegisters; ++i) a_.mov(x86::ptr_64(x86::rsp, static_cast<int>(8 * i)), reg(i));
  a_.mov(x86::rdx, kAddress);
  a_.mov(x86::rdi, kMachine);
  a_.mov(x86::esi, kTemp.r32());
  a_.mov(x86::rcx, x86::rsp);
  a_.call(kTemp2);
  a_.mov(kAddress, x86::rax);
  for (unsigned i = 0; i < isa::kFramePointer; ++i) a_.mov(reg(i), x86::ptr_64(x86::rsp, static_cast<int>(8 * i)));
  a_.add(x86::rsp, kRegistersBytes);
  a_.cmp(SKEP_MACHINE(ended), 0);
  a_.jne(unwind_);
  a_.ret();
}

void X64Emitter::finish() {
  for (const Stub& stub : stubs_) emit_stub(stub);
  emit_misses();
  emit_thunks();
}

}  // namespace x64
}  // namespace skep::jit
