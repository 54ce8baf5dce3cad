// Read-modify-write.
#include "jit/x64/emitter.hpp"

namespace skep::jit::x64 {

using isa::Operation;

void X64Emitter::atomic(const At& at) {
  const x86::Mem memory = guarded(at, vm::Access::write, at.op.dst, vm::CallOuts::atomic, true);
  const x86::Gp src = sized(reg(at.op.src), at.shape.width);
  switch (at.shape.operation) {
    case Operation::atomic_add_:
      a_.lock().add(memory, src);
      return;
    case Operation::atomic_or_:
      a_.lock().or_(memory, src);
      return;
    case Operation::atomic_and_:
      a_.lock().and_(memory, src);
      return;
    case Operation::atomic_xor_:
      a_.lock().xor_(memory, src);
      return;
    case Operation::atomic_fetch_add_:
      a_.lock().xadd(memory, src);
      return;
    case Operation::atomic_xchg_:
      a_.xchg(memory, src);
      return;
    case Operation::atomic_cmpxchg_:
      // r0 is rax, which the instruction compares with and loads; on success it leaves the upper half.
      a_.lock().cmpxchg(memory, src);
      if (at.shape.width == 32) a_.mov(x86::eax, x86::eax);
      return;
    default:  // fetch and, or, xor
      fetch_in_a_loop(at, memory);
      return;
  }
}

/// No single instruction gives back the old value: compare and exchange until nobody else was in between.
void X64Emitter::fetch_in_a_loop(const At& at, const x86::Mem& memory) {
  const unsigned width = at.shape.width;
  const bool into_r0 = reg(at.op.src) == x86::rax;
  const x86::Gp old_value = sized(x86::rax, width);
  const x86::Gp new_value = sized(kTemp2, width);
  const x86::Gp operand = into_r0 ? sized(kTemp, width) : sized(reg(at.op.src), width);
  const x86::Mem where = x86::ptr(kAddress, 0, at.shape.bytes());
  if (memory.baseReg() != kAddress) a_.lea(kAddress, memory);
  a_.mov(kTemp, x86::rax);
  a_.mov(old_value, where);
  const asmjit::Label again = a_.newLabel();
  a_.bind(again);
  a_.mov(new_value, old_value);
  if (at.shape.operation == Operation::atomic_fetch_or_) a_.or_(new_value, operand);
  if (at.shape.operation == Operation::atomic_fetch_and_) a_.and_(new_value, operand);
  if (at.shape.operation == Operation::atomic_fetch_xor_) a_.xor_(new_value, operand);
  a_.lock().cmpxchg(where, new_value);
  a_.jne(again);
  if (into_r0) {
    if (width == 32) a_.mov(x86::eax, x86::eax);
    return;
  }
  a_.mov(operand, old_value);
  a_.mov(x86::rax, kTemp);
}

}  // namespace skep::jit::x64
