// Loads and stores, and the guard in front of those that need one.
#include "jit/x64/emitter.hpp"

namespace skep::jit::x64 {

using isa::Operation;
using lower::Check;
using vm::CallOuts;

namespace {

x86::Mem window(vm::Access access, unsigned base, std::size_t member) {
  const std::size_t index = static_cast<std::size_t>(access) * isa::kRegisters + base;
  return machine(offsetof(vm::Machine, windows) + index * sizeof(vm::Window) + member);
}

bool is_atomic(Operation operation) noexcept {
  return operation != Operation::load_ && operation != Operation::load_signed_ && operation != Operation::store_;
}

}  // namespace

/// Two comparisons: the offset into the window is at most its span, and what is left of it holds the access.
x86::Mem X64Emitter::guarded(const At& at, vm::Access access, unsigned base, vm::CallOut slow, bool access_follows) {
  const std::uint32_t bytes = at.shape.bytes();
  const x86::Mem direct = x86::ptr(reg(base), at.op.off, bytes);
  if (at.shape.check == Check::free) return direct;
  const asmjit::Label back = a_.newLabel();
  const asmjit::Label stub = put_off(at.index, slow, back);
  // Where the slow half only opens the window, the access is tried again; where it makes it, the code goes on behind
  // it.
  if (access_follows)
    a_.bind(back);
  else
    resume_ = back;
  a_.lea(kAddress, x86::ptr(reg(base), at.op.off));
  a_.mov(kTemp, kAddress);
  if (at.shape.check == Check::field) {
    a_.sub(kTemp, SKEP_MACHINE(context_base));
    a_.cmp(kTemp, SKEP_MACHINE(context_bytes));
    a_.jb(stub);
  } else {
    a_.sub(kTemp, window(access, base, offsetof(vm::Window, lo)));
    a_.mov(kTemp2, window(access, base, offsetof(vm::Window, span)));
    a_.sub(kTemp2, kTemp);
    a_.jb(stub);
    a_.cmp(kTemp2, bytes);
    a_.jb(stub);
    if (is_atomic(at.shape.operation) && bytes > 1) {
      a_.test(kAddress.r8(), bytes - 1);
      a_.jnz(stub);
    }
  }
  return x86::ptr(kAddress, 0, bytes);
}

void X64Emitter::move_in(const At& at, const x86::Gp& dst, x86::Mem from) {
  const bool is_signed = at.shape.operation == Operation::load_signed_;
  switch (at.shape.bytes()) {
    case 1:
      if (is_signed)
        a_.movsx(dst, from);
      else
        a_.movzx(dst.r32(), from);
      return;
    case 2:
      if (is_signed)
        a_.movsx(dst, from);
      else
        a_.movzx(dst.r32(), from);
      return;
    case 4:
      if (is_signed)
        a_.movsxd(dst, from);
      else
        a_.mov(dst.r32(), from);
      return;
    default:
      a_.mov(dst, from);
      return;
  }
}

void X64Emitter::load(const At& at) {
  if (at.shape.check == Check::probe) {
    a_.lea(kAddress, x86::ptr(reg(at.op.src), at.op.off));
    call_thunk(at.index, CallOuts::load);
    return;
  }
  const bool acquires = at.shape.operation == Operation::load_acquire_;
  const x86::Mem from =
      guarded(at, vm::Access::read, at.op.src, acquires ? CallOuts::atomic : CallOuts::load, acquires);
  move_in(at, reg(at.op.dst), from);
  if (at.shape.check != Check::free && !acquires) a_.bind(resume_);
}

void X64Emitter::move_out(const At& at, x86::Mem to) {
  const unsigned bytes = at.shape.bytes();
  unite_number(at);
  if (at.shape.operands == isa::Operands::store_imm) {
    const auto imm = static_cast<std::int32_t>(at.op.imm);
    if (bytes == 1) a_.mov(to, imm & 0xff);
    if (bytes == 2) a_.mov(to, imm & 0xffff);
    if (bytes >= 4) a_.mov(to, imm);
    return;
  }
  const x86::Gp src = reg(at.op.src);
  if (bytes == 1) a_.mov(to, src.r8());
  if (bytes == 2) a_.mov(to, src.r16());
  if (bytes == 4) a_.mov(to, src.r32());
  if (bytes == 8) a_.mov(to, src);
}

void X64Emitter::store(const At& at) {
  const bool releases = at.shape.operation == Operation::store_release_;
  const x86::Mem to =
      guarded(at, vm::Access::write, at.op.dst, releases ? CallOuts::atomic : CallOuts::store, releases);
  move_out(at, to);
  if (at.shape.check != Check::free && !releases) a_.bind(resume_);
}

}  // namespace skep::jit::x64
