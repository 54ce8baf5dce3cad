// Read-modify-write: one instruction where the processor has them (LSE), a loop around an exclusive access elsewhere.
// Those that give back the old value are full barriers, as Linux' are.
#include "jit/a64/emitter.hpp"

namespace skep::jit::a64 {

using isa::Operation;

void A64Emitter::atomic(const At& at) {
  const arm::Mem memory = guarded(at, vm::Access::write, at.op.dst, vm::CallOuts::atomic, true);
  if (has_lse_)
    atomic_at_once(at, memory);
  else
    atomic_in_a_loop(at, memory);
}

void A64Emitter::atomic_at_once(const At& at, const arm::Mem& memory) {
  const unsigned width = at.shape.width;
  const arm::Gp src = sized(reg(at.op.src), width);
  const arm::Gp inverse = sized(kTemp, width);
  switch (at.shape.operation) {
    case Operation::atomic_add_:
      a_.ldadd(src, zero(width), memory);
      return;
    case Operation::atomic_or_:
      a_.ldset(src, zero(width), memory);
      return;
    case Operation::atomic_and_:
      a_.mvn(inverse, src);
      a_.ldclr(inverse, zero(width), memory);
      return;
    case Operation::atomic_xor_:
      a_.ldeor(src, zero(width), memory);
      return;
    case Operation::atomic_fetch_add_:
      a_.ldaddal(src, src, memory);
      return;
    case Operation::atomic_fetch_or_:
      a_.ldsetal(src, src, memory);
      return;
    case Operation::atomic_fetch_and_:
      a_.mvn(inverse, src);
      a_.ldclral(inverse, src, memory);
      return;
    case Operation::atomic_fetch_xor_:
      a_.ldeoral(src, src, memory);
      return;
    case Operation::atomic_xchg_:
      a_.swpal(src, src, memory);
      return;
    default:  // cmpxchg
      a_.casal(sized(reg(0), width), src, memory);
      return;
  }
}

void A64Emitter::atomic_in_a_loop(const At& at, const arm::Mem& memory) {
  const unsigned width = at.shape.width;
  const Operation operation = at.shape.operation;
  const arm::Gp src = sized(reg(at.op.src), width);
  const arm::Gp old_value = sized(kTemp, width);
  const arm::Gp new_value = sized(kTemp2, width);
  const bool compares = operation == Operation::atomic_cmpxchg_;
  const bool relaxed = operation == Operation::atomic_add_ || operation == Operation::atomic_or_ ||
                       operation == Operation::atomic_and_ || operation == Operation::atomic_xor_;
  const asmjit::Label again = a_.newLabel();
  const asmjit::Label done = a_.newLabel();
  if (!relaxed) a_.dmb(arm::Predicate::DB::kISH);
  a_.bind(again);
  a_.ldxr(old_value, memory);
  switch (operation) {
    case Operation::atomic_add_:
    case Operation::atomic_fetch_add_:
      a_.add(new_value, old_value, src);
      break;
    case Operation::atomic_or_:
    case Operation::atomic_fetch_or_:
      a_.orr(new_value, old_value, src);
      break;
    case Operation::atomic_and_:
    case Operation::atomic_fetch_and_:
      a_.and_(new_value, old_value, src);
      break;
    case Operation::atomic_xor_:
    case Operation::atomic_fetch_xor_:
      a_.eor(new_value, old_value, src);
      break;
    default:  // xchg and cmpxchg store what they are given
      a_.mov(new_value, src);
      break;
  }
  if (compares) {
    a_.cmp(old_value, sized(reg(0), width));
    a_.b(arm::CondCode::kNE, done);
  }
  a_.stxr(kTemp3.w(), new_value, memory);
  a_.cbnz(kTemp3.w(), again);
  a_.bind(done);
  if (relaxed) return;
  a_.dmb(arm::Predicate::DB::kISH);
  a_.mov(compares ? sized(reg(0), width) : src, old_value);
}

}  // namespace skep::jit::a64
