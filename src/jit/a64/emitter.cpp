// Entry, frames and call-outs.
#include "jit/a64/emitter.hpp"

#include <sys/auxv.h>

#include <algorithm>

namespace skep::jit {

/// What stands alone has no use for kMachine.
RegSet spare_registers(const Plan& plan) noexcept {
  constexpr RegSet kPreserved = 0b111 << kFirstSpare;
  constexpr unsigned kLast = kFirstSpare + 3;
  static_assert(a64::kRegisters[kLast] == a64::kMachine);
  return plan.stands_alone ? RegSet{kPreserved | bit_of(kLast)} : kPreserved;
}

std::unique_ptr<Emitter> make_emitter(const Plan& plan, asmjit::CodeHolder& code) {
  return std::make_unique<a64::A64Emitter>(plan, code);
}

namespace a64 {
namespace {

/// What entries keep on the stack, from the stack pointer up: C's frame, its registers, the outer entry's stack
/// pointer.
constexpr std::int32_t kEntryLast = 96;  // x25, after five pairs
constexpr std::int32_t kEntryUnwind = 104;
constexpr std::int32_t kEntryBytes = 112;
constexpr std::int32_t kPlainEntryBytes = 48;

/// All registers and the return address, a multiple of 16.
constexpr std::int32_t kRegistersBytes = sizeof(vm::Registers) + 8;
static_assert(kRegistersBytes % 16 == 0);

constexpr unsigned kLandAnywhere = 38;  // the hint `bti jc`

}  // namespace

A64Emitter::A64Emitter(const Plan& plan, asmjit::CodeHolder& code) : Emitter(plan, code), a_(&code) {
  has_lse_ = (getauxval(AT_HWCAP) & HWCAP_ATOMICS) != 0;
  unwind_ = a_.newLabel();
}

void A64Emitter::landing_pad() { a_.hint(kLandAnywhere); }

/// start(x0: machine, x1: r1, x2: r2). What cannot end early needs no way back from the middle, and functions keep what
/// they use. What stands alone has its frames below C's.
void A64Emitter::emit_plain_start() {
  a_.bind(start_);
  landing_pad();
  a_.stp(kFramePointer, kReturnAddress, arm::ptr_pre(arm::sp, -kPlainEntryBytes));
  a_.mov(kFramePointer, arm::sp);
  a_.stp(kFrame, kMachine, arm::ptr(arm::sp, 16));
  a_.str(kFrameBottom, arm::ptr(arm::sp, 32));
  if (plan_.stands_alone) {
    a_.mov(kFrame, arm::sp);
    a_.sub(kFrameBottom, kFrame, vm::kFrameBytes);
    a_.sub(arm::sp, kFrame, plan_.frames * vm::kFrameBytes);
  } else {
    a_.mov(kMachine, arm::x0);
    a_.ldr(kFrame, SKEP_MACHINE(frame_pointer));
    a_.sub(kFrameBottom, kFrame, vm::kFrameBytes);
  }
  a_.bl(entry());
  if (plan_.stands_alone) a_.mov(arm::sp, kFrame);
  a_.ldr(kFrameBottom, arm::ptr(arm::sp, 32));
  a_.ldp(kFrame, kMachine, arm::ptr(arm::sp, 16));
  a_.ldp(kFramePointer, kReturnAddress, arm::ptr_post(arm::sp, kPlainEntryBytes));
  a_.ret(kReturnAddress);
}

/// start as above, and enter(x0: registers, x1: code, x2: machine). Each keeps the outer entry's stack pointer and
/// gives it back.
void A64Emitter::emit_start() {
  const auto come_in = [this](const arm::GpX& machine) {
    landing_pad();
    a_.stp(kFramePointer, kReturnAddress, arm::ptr_pre(arm::sp, -kEntryBytes));
    a_.mov(kFramePointer, arm::sp);
    a_.stp(arm::x19, arm::x20, arm::ptr(arm::sp, 16));
    a_.stp(arm::x21, arm::x22, arm::ptr(arm::sp, 32));
    a_.stp(arm::x23, arm::x24, arm::ptr(arm::sp, 48));
    a_.stp(arm::x26, arm::x27, arm::ptr(arm::sp, 64));
    a_.str(arm::x28, arm::ptr(arm::sp, 80));
    a_.mov(kMachine, machine);
    a_.ldr(kTemp, SKEP_MACHINE(unwind_sp));
    a_.stp(arm::x25, kTemp, arm::ptr(arm::sp, kEntryLast));
    a_.mov(kTemp, arm::sp);
    a_.str(kTemp, SKEP_MACHINE(unwind_sp));
    a_.ldr(kFrame, SKEP_MACHINE(frame_pointer));
    a_.sub(kFrameBottom, kFrame, vm::kFrameBytes);
  };
  const asmjit::Label leave = a_.newLabel();
  a_.bind(enter_);
  come_in(arm::x2);
  a_.mov(kTemp2, arm::x1);
  a_.mov(kAddress, arm::x0);
  for (unsigned i = 0; i < isa::kFramePointer; i += 2)
    a_.ldp(reg(i), reg(i + 1), arm::ptr(kAddress, static_cast<std::int32_t>(8 * i)));
  a_.blr(kTemp2);
  a_.b(leave);
  a_.bind(start_);
  come_in(arm::x0);
  for (unsigned i = 0; i < isa::kFramePointer; ++i)
    if (i != 1 && i != 2) a_.mov(reg(i), arm::xzr);
  a_.bl(entry());
  a_.bind(leave);
  a_.ldr(kTemp, arm::ptr(arm::sp, kEntryUnwind));
  a_.str(kTemp, SKEP_MACHINE(unwind_sp));
  a_.ldr(arm::x25, arm::ptr(arm::sp, kEntryLast));
  a_.ldr(arm::x28, arm::ptr(arm::sp, 80));
  a_.ldp(arm::x26, arm::x27, arm::ptr(arm::sp, 64));
  a_.ldp(arm::x23, arm::x24, arm::ptr(arm::sp, 48));
  a_.ldp(arm::x21, arm::x22, arm::ptr(arm::sp, 32));
  a_.ldp(arm::x19, arm::x20, arm::ptr(arm::sp, 16));
  a_.ldp(kFramePointer, kReturnAddress, arm::ptr_post(arm::sp, kEntryBytes));
  a_.ret(kReturnAddress);
  // Whatever frames generated code has: they are dropped.
  a_.bind(unwind_);
  a_.ldr(kTemp, SKEP_MACHINE(unwind_sp));
  a_.mov(arm::sp, kTemp);
  a_.b(leave);
}

void A64Emitter::emit_interpret() {
  a_.bind(interpret_);
  landing_pad();
  a_.stp(kFramePointer, kReturnAddress, arm::ptr_pre(arm::sp, -16));
  a_.mov(kFramePointer, arm::sp);
  call_thunk(0, vm::CallOuts::interpret);
  a_.ldp(kFramePointer, kReturnAddress, arm::ptr_post(arm::sp, 16));
  a_.ret(kReturnAddress);
}

namespace {

/// What a function's frame on the native stack holds, from the stack pointer up.
struct NativeFrame {
  explicit NativeFrame(const FunctionPlan& function)
      : links(function.calls || function.nests), counts(function.counts_may_goto) {
    for (unsigned i = 0; i < kMostSaved; ++i)
      if ((function.saved >> i & 1) != 0) saved[count++] = reg(kFirstSaved + i);
    const unsigned words = (links ? 2 : 0) + count + (counts ? 1 : 0);
    bytes = static_cast<std::int32_t>((words + 1) / 2 * 16);
  }
  /// Where the first of `saved` lies; after them the outer frame's loop counter.
  [[nodiscard]] std::int32_t first() const noexcept { return links ? 16 : 0; }
  [[nodiscard]] std::int32_t counter() const noexcept { return first() + static_cast<std::int32_t>(8 * count); }

  bool links;   // C's frame: the frame pointer and the return address
  bool counts;  // a loop counter
  std::array<arm::GpX, kMostSaved> saved;
  unsigned count = 0;
  std::int32_t bytes = 0;
};

}  // namespace

void A64Emitter::begin_function(const FunctionPlan& function) {
  const NativeFrame frame(function);
  landing_pad();
  if (frame.links) {
    a_.stp(kFramePointer, kReturnAddress, arm::ptr_pre(arm::sp, -frame.bytes));
    a_.mov(kFramePointer, arm::sp);
  } else if (frame.bytes != 0) {
    a_.sub(arm::sp, arm::sp, frame.bytes);
  }
  unsigned i = 0;
  for (; i + 1 < frame.count; i += 2)
    a_.stp(frame.saved[i], frame.saved[i + 1], arm::ptr(arm::sp, frame.first() + static_cast<int>(8 * i)));
  if (i < frame.count) a_.str(frame.saved[i], arm::ptr(arm::sp, frame.first() + static_cast<int>(8 * i)));
  if (frame.counts) {
    a_.ldr(kTemp, SKEP_MACHINE(may_goto_left));
    a_.str(kTemp, arm::ptr(arm::sp, frame.counter()));
    move_constant(kTemp, vm::kMayGotoLimit);
    a_.str(kTemp, SKEP_MACHINE(may_goto_left));
  }
  clear_frame(function.stack_bytes);
}

/// All but the return.
void A64Emitter::end_function() {
  const NativeFrame frame(function());
  if (frame.counts) {
    a_.ldr(kTemp, arm::ptr(arm::sp, frame.counter()));
    a_.str(kTemp, SKEP_MACHINE(may_goto_left));
  }
  unsigned i = 0;
  for (; i + 1 < frame.count; i += 2)
    a_.ldp(frame.saved[i], frame.saved[i + 1], arm::ptr(arm::sp, frame.first() + static_cast<int>(8 * i)));
  if (i < frame.count) a_.ldr(frame.saved[i], arm::ptr(arm::sp, frame.first() + static_cast<int>(8 * i)));
  if (frame.links)
    a_.ldp(kFramePointer, kReturnAddress, arm::ptr_post(arm::sp, frame.bytes));
  else if (frame.bytes != 0)
    a_.add(arm::sp, arm::sp, frame.bytes);
}

/// The top `bytes` of the BPF frame. It is aligned to 16; a few bytes more than asked for do no harm.
void A64Emitter::clear_frame(std::uint32_t bytes) {
  const int from = -static_cast<int>((bytes + 15) / 16 * 16);
  for (int at = from; at < 0; at += 16) a_.stp(arm::xzr, arm::xzr, arm::ptr(kFrame, at));
}

void A64Emitter::meter(std::uint32_t index, std::uint32_t cost) {
  const asmjit::Label again = a_.newLabel();
  a_.bind(again);
  a_.ldr(kTemp2, SKEP_MACHINE(budget));
  if (cost < 4096) {
    a_.subs(kTemp2, kTemp2, cost);
  } else {
    move_constant(kTemp, cost);
    a_.subs(kTemp2, kTemp2, kTemp);
  }
  branch_if(arm::CondCode::kLO, put_off(index, vm::CallOuts::budget, again));
  a_.str(kTemp2, SKEP_MACHINE(budget));
}

void A64Emitter::poll(std::uint32_t index) {
  const asmjit::Label back = a_.newLabel();
  a_.ldr(kTemp, SKEP_MACHINE(stop));
  a_.ldrb(kTemp.w(), arm::ptr(kTemp));
  branch_if_not_zero(kTemp.w(), put_off(index, vm::CallOuts::stop, back));
  a_.bind(back);
}

asmjit::Label A64Emitter::put_off(std::uint32_t index, vm::CallOut callee, const asmjit::Label& back) {
  return stubs_.emplace_back(Stub{a_.newLabel(), back, index, callee}).from;
}

void A64Emitter::call_thunk(std::uint32_t index, vm::CallOut callee) {
  auto thunk = std::find_if(thunks_.begin(), thunks_.end(), [&](const Thunk& known) { return known.callee == callee; });
  if (thunk == thunks_.end()) thunk = thunks_.insert(thunk, {callee, a_.newLabel()});
  move_constant(kTemp, index);
  a_.bl(thunk->label);
}

void A64Emitter::emit_stub(const Stub& stub) {
  mark(MachineCode::Role::detour, stub.index);
  a_.bind(stub.from);
  if (!stub.keeps_address) move_constant(kAddress, stub.address);
  call_thunk(stub.index, stub.callee);
  a_.b(stub.back);
}

/// One for each call-out that the code uses, and one tail for all of them.
void A64Emitter::emit_thunks() {
  const auto slot = [](unsigned i) { return arm::ptr(arm::sp, static_cast<std::int32_t>(8 * i)); };
  mark(MachineCode::Role::shared);
  const asmjit::Label common = a_.newLabel();
  for (const Thunk& thunk : thunks_) {
    a_.bind(thunk.label);
    move_constant(kTemp2, reinterpret_cast<std::uint64_t>(thunk.callee));
    a_.b(common);
  }
  a_.bind(common);
  a_.sub(arm::sp, arm::sp, kRegistersBytes);
  for (unsigned i = 0; i < isa::kFramePointer; i += 2) a_.stp(reg(i), reg(i + 1), slot(i));
  a_.stp(kFrame, kReturnAddress, slot(isa::kFramePointer));
  a_.mov(arm::x2, kAddress);
  a_.mov(arm::x0, kMachine);
  a_.mov(arm::x1, kTemp);
  a_.mov(arm::x3, arm::sp);
  a_.blr(kTemp2);
  a_.mov(kAddress, arm::x0);
  for (unsigned i = 0; i < isa::kFramePointer; i += 2) a_.ldp(reg(i), reg(i + 1), slot(i));
  a_.ldr(kReturnAddress, slot(isa::kRegisters));
  a_.add(arm::sp, arm::sp, kRegistersBytes);
  a_.ldr(kTemp, SKEP_MACHINE(ended));
  branch_if_not_zero(kTemp, unwind_);
  a_.ret(kReturnAddress);
}

void A64Emitter::finish() {
  for (const Stub& stub : stubs_) emit_stub(stub);
  emit_misses();
  emit_thunks();
}

}  // namespace a64
}  // namespace skep::jit
