// Loads and stores, and the guard in front of those that need one.
#include "jit/a64/emitter.hpp"

namespace skep::jit::a64 {

using isa::Operation;
using lower::Check;
using vm::CallOuts;

namespace {

using Inst = arm::Inst;

arm::Mem window(vm::Access access, unsigned base) {
  const std::size_t index = static_cast<std::size_t>(access) * isa::kRegisters + base;
  return machine(offsetof(vm::Machine, windows) + index * sizeof(vm::Window));
}
static_assert(offsetof(vm::Window, span) == offsetof(vm::Window, lo) + 8, "one ldp loads both");
static_assert(offsetof(vm::Machine, windows) + sizeof(vm::Machine::windows) <= 512, "ldp reaches all windows");
static_assert(offsetof(vm::Machine, context_bytes) == offsetof(vm::Machine, context_base) + 8, "one ldp loads both");

bool is_atomic(Operation operation) noexcept {
  return operation != Operation::load_ && operation != Operation::load_signed_ && operation != Operation::store_;
}

}  // namespace

/// Loads and stores take multiples of their size up to 4095 of them, or what nine signed bits hold.
bool A64Emitter::has_displacement(std::int32_t off, std::uint32_t bytes) noexcept {
  const auto size = static_cast<std::int32_t>(bytes);
  return (off >= 0 && off % size == 0 && off / size < 4096) || (off >= -256 && off < 256);
}

arm::Mem A64Emitter::operand(unsigned base, std::int32_t off, std::uint32_t bytes, bool bare) {
  constexpr auto kBytes = static_cast<std::int32_t>(vm::kFrameBytes);
  if (off == 0 || (!bare && has_displacement(off, bytes))) return arm::ptr(reg(base), off);
  if (!bare && base == isa::kFramePointer && has_displacement(off + kBytes, bytes))
    return arm::ptr(kFrameBottom, off + kBytes);
  add_constant(kAddress, reg(base), off);
  return arm::ptr(kAddress);
}

/// The offset into the window is at most its span, and what is left of it holds the access: one branch for both, as the
/// second comparison is made only when the first holds.
arm::Mem A64Emitter::guarded(const At& at, vm::Access access, unsigned base, vm::CallOut slow, bool access_follows) {
  const std::uint32_t bytes = at.shape.bytes();
  if (at.shape.check == Check::free) return operand(base, at.op.off, bytes, is_atomic(at.shape.operation));
  const asmjit::Label back = a_.newLabel();
  const asmjit::Label stub = put_off(at.index, slow, back);
  // Where the slow half only opens the window, the access is tried again; where it makes it, the code goes on behind
  // it.
  if (access_follows)
    a_.bind(back);
  else
    resume_ = back;
  if (at.op.off == 0)
    a_.mov(kAddress, reg(base));
  else
    add_constant(kAddress, reg(base), at.op.off);
  if (at.shape.check == Check::field) {
    a_.ldp(kTemp, kTemp2, SKEP_MACHINE(context_base));
    a_.sub(kTemp, kAddress, kTemp);
    a_.cmp(kTemp, kTemp2);
    branch_if(arm::CondCode::kLO, stub);
    return arm::ptr(kAddress);
  }
  constexpr unsigned kNoFlags = 0;  // as after a comparison that says lower
  a_.ldp(kTemp, kTemp2, window(access, base));
  a_.sub(kTemp, kAddress, kTemp);
  a_.subs(kTemp2, kTemp2, kTemp);
  a_.ccmp(kTemp2, bytes, kNoFlags, arm::CondCode::kHS);
  branch_if(arm::CondCode::kLO, stub);
  if (is_atomic(at.shape.operation) && bytes > 1) {
    a_.tst(kAddress, bytes - 1);
    branch_if(arm::CondCode::kNE, stub);
  }
  return arm::ptr(kAddress);
}

void A64Emitter::move_in(const At& at, const arm::Mem& from) {
  const arm::GpX& dst = reg(at.op.dst);
  const unsigned bytes = at.shape.bytes();
  switch (at.shape.operation) {
    case Operation::load_signed_:
      if (bytes == 1) a_.ldrsb(dst, from);
      if (bytes == 2) a_.ldrsh(dst, from);
      if (bytes == 4) a_.ldrsw(dst, from);
      return;
    case Operation::load_acquire_:
      if (bytes == 1) a_.ldarb(dst.w(), from);
      if (bytes == 2) a_.ldarh(dst.w(), from);
      if (bytes == 4) a_.ldar(dst.w(), from);
      if (bytes == 8) a_.ldar(dst, from);
      return;
    default:  // a plain load
      if (bytes == 1) a_.ldrb(dst.w(), from);
      if (bytes == 2) a_.ldrh(dst.w(), from);
      if (bytes == 4) a_.ldr(dst.w(), from);
      if (bytes == 8) a_.ldr(dst, from);
      return;
  }
}

void A64Emitter::load(const At& at) {
  if (at.shape.check == Check::probe) {
    add_constant(kAddress, reg(at.op.src), at.op.off);
    call_thunk(at.index, CallOuts::load);
    return;
  }
  const bool acquires = at.shape.operation == Operation::load_acquire_;
  move_in(at, guarded(at, vm::Access::read, at.op.src, acquires ? CallOuts::atomic : CallOuts::load, acquires));
  if (at.shape.check != Check::free && !acquires) a_.bind(resume_);
}

void A64Emitter::move_out(const At& at, const arm::Mem& to) {
  const unsigned bytes = at.shape.bytes();
  unite_number(at);
  arm::Gp src = reg(at.op.src);
  if (at.shape.operands == isa::Operands::store_imm) {
    src = at.op.imm == 0 ? arm::Gp(arm::xzr) : arm::Gp(kTemp);
    if (at.op.imm != 0) move_constant(kTemp, static_cast<std::uint64_t>(at.op.imm));
  }
  const arm::Gp low = src.isZR() ? zero(32) : arm::Gp(src.w());
  if (at.shape.operation == Operation::store_release_) {
    // Not by name: asmjit's stlr() and its like emit another instruction.
    const auto inst = bytes == 1 ? Inst::kIdStlrb : bytes == 2 ? Inst::kIdStlrh : Inst::kIdStlr;
    a_.emit(inst, bytes == 8 ? src : low, to);
    return;
  }
  if (bytes == 1) a_.strb(low, to);
  if (bytes == 2) a_.strh(low, to);
  if (bytes == 4) a_.str(low, to);
  if (bytes == 8) a_.str(src, to);
}

void A64Emitter::store(const At& at) {
  const bool releases = at.shape.operation == Operation::store_release_;
  move_out(at, guarded(at, vm::Access::write, at.op.dst, releases ? CallOuts::atomic : CallOuts::store, releases));
  if (at.shape.check != Check::free && !releases) a_.bind(resume_);
}

}  // namespace skep::jit::a64
