// Calls that are proven to be about one map: look-ups in arrays as address arithmetic, updates of them as copies,
// others by the map's own code.
#include <cerrno>

#include "helpers/env.hpp"
#include "jit/a64/emitter.hpp"

namespace skep::jit::a64 {

/// What is rarely run ends in `back`, with the result in `dst`.
asmjit::Label A64Emitter::put_off_miss(const At& at, const arm::GpX& dst, Miss::Kind kind, std::int32_t result) {
  const asmjit::Label back = a_.newLabel();
  misses_.push_back({a_.newLabel(), back, dst, kind, result, at.index});
  return misses_.back().from;
}

/// The CPU that the run holds; the first to ask takes one.
void A64Emitter::load_cpu(const At& at, const arm::GpX& dst) {
  a_.ldr(dst, SKEP_MACHINE(cpu));
  a_.cmn(dst, 1);
  branch_if(arm::CondCode::kEQ, put_off_miss(at, dst, Miss::Kind::cpu));
  a_.bind(misses_.back().back);
}

/// `to` becomes the address of the value under the key, or the call's result is `missed` and it ends at the label that
/// is returned; none where the key is in range.
asmjit::Label A64Emitter::find_value(const At& at, const lower::KnownCall& call, const Sum& key, const arm::GpX& to,
                                     std::int32_t missed) {
  if (call.wants_cpu) load_cpu(at, kTemp3);
  const arm::Mem from = memory(key, 4);  // may need kTemp
  a_.ldr(kTemp2.w(), from);
  asmjit::Label back;
  if (!call.is_in_range) {
    move_constant(kTemp, call.count);
    a_.cmp(kTemp2.w(), kTemp.w());
    branch_if(arm::CondCode::kHS, put_off_miss(at, reg(0), Miss::Kind::result, missed));
    back = misses_.back().back;
  }
  move_constant(kTemp, call.stride);
  a_.mul(kTemp2, kTemp2, kTemp);
  if (call.wants_cpu) {
    move_constant(kTemp, call.lane_bytes);
    a_.madd(kTemp2, kTemp3, kTemp, kTemp2);
  }
  const auto base = reinterpret_cast<std::uint64_t>(call.base);
  const unsigned holder = holder_of(base);
  if (holder == kNoRegister) move_constant(kTemp, base);
  a_.add(to, kTemp2, holder == kNoRegister ? kTemp : reg(holder));
  return back;
}

void A64Emitter::lookup_array(const At& at, const lower::KnownCall& lookup, const Sum& key) {
  const asmjit::Label missed = find_value(at, lookup, key, reg(0), 0);
  if (missed.isValid()) a_.bind(missed);
}

asmjit::Label A64Emitter::find_element(const At& at, const lower::KnownCall& update, const Sum& key) {
  return find_value(at, update, key, kTemp3, -E2BIG);
}

void A64Emitter::store_word(std::int32_t off, const Sum& from, unsigned bytes) {
  const arm::Mem word = memory(from, bytes), to = arm::ptr(kTemp3, off);
  if (bytes == 8) a_.ldr(kTemp2, word), a_.str(kTemp2, to);
  if (bytes == 4) a_.ldr(kTemp2.w(), word), a_.str(kTemp2.w(), to);
  if (bytes == 2) a_.ldrh(kTemp2.w(), word), a_.strh(kTemp2.w(), to);
  if (bytes == 1) a_.ldrb(kTemp2.w(), word), a_.strb(kTemp2.w(), to);
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
      case Miss::Kind::result:
        move_constant(miss.dst, static_cast<std::uint64_t>(std::int64_t{miss.result}));
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
