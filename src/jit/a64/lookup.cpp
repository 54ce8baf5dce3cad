// Calls that are proven to be about one map: look-ups in arrays as address arithmetic, others by the map's own code.
#include "helpers/env.hpp"
#include "jit/a64/emitter.hpp"

namespace skep::jit::a64 {

/// What is rarely run ends in `back`, with the result in `dst`.
asmjit::Label A64Emitter::put_off_miss(const At& at, const arm::GpX& dst, Miss::Kind kind) {
  const asmjit::Label back = a_.newLabel();
  misses_.push_back({a_.newLabel(), back, dst, kind, at.index});
  return misses_.back().from;
}

/// The CPU that the run holds; the first to ask takes one.
void A64Emitter::load_cpu(const At& at, const arm::GpX& dst) {
  a_.ldr(dst, SKEP_MACHINE(cpu));
  a_.cmn(dst, 1);
  branch_if(arm::CondCode::kEQ, put_off_miss(at, dst, Miss::Kind::cpu));
  a_.bind(misses_.back().back);
}

void A64Emitter::lookup_array(const At& at, const lower::KnownCall& lookup) {
  const arm::GpX& index = reg(0);
  a_.ldr(index.w(), arm::ptr(reg(2)));
  if (lookup.wants_cpu) load_cpu(at, kTemp3);
  move_constant(kTemp, lookup.count);
  a_.cmp(index.w(), kTemp.w());
  branch_if(arm::CondCode::kHS, put_off_miss(at, index, Miss::Kind::no_value));
  const asmjit::Label back = misses_.back().back;
  move_constant(kTemp, reinterpret_cast<std::uint64_t>(lookup.base));
  if (lookup.wants_cpu) {
    move_constant(kTemp2, lookup.lane_bytes);
    a_.madd(kTemp, kTemp3, kTemp2, kTemp);
  }
  move_constant(kTemp2, lookup.stride);
  a_.madd(index, index, kTemp2, kTemp);
  a_.bind(back);
}

void A64Emitter::call_direct(const At& at, const lower::KnownCall& call) {
  const auto map = reinterpret_cast<std::uint64_t>(call.map);
  if (call.wants_cpu)
    load_cpu(at, arm::x0);
  else if (call.about_record)
    move_constant(arm::x0, map);
  if (call.names_map) move_constant(reg(1), map);
  move_constant(kTemp, reinterpret_cast<std::uint64_t>(call.code));
  a_.blr(kTemp);
}

void A64Emitter::emit_misses() {
  for (const Miss& miss : misses_) {
    mark(MachineCode::Role::detour, miss.index);
    a_.bind(miss.from);
    switch (miss.kind) {
      case Miss::Kind::no_value:
        a_.mov(miss.dst, arm::xzr);
        break;
      case Miss::Kind::cpu: {
        // What was half done, and the arguments. The link register is the function's to keep.
        constexpr int kBytes = 48;
        a_.stp(reg(0), reg(1), arm::ptr_pre(arm::sp, -kBytes));
        a_.stp(reg(2), reg(3), arm::ptr(arm::sp, 16));
        a_.stp(reg(4), reg(5), arm::ptr(arm::sp, 32));
        a_.ldr(arm::x0, SKEP_MACHINE(env));
        move_constant(kTemp, reinterpret_cast<std::uint64_t>(helpers::hold_cpu));
        a_.blr(kTemp);
        a_.ldp(reg(4), reg(5), arm::ptr(arm::sp, 32));
        a_.ldp(reg(2), reg(3), arm::ptr(arm::sp, 16));
        a_.ldp(reg(0), reg(1), arm::ptr_post(arm::sp, kBytes));
        a_.ldr(miss.dst, SKEP_MACHINE(cpu));
        break;
      }
    }
    a_.b(miss.back);
  }
}

}  // namespace skep::jit::a64
