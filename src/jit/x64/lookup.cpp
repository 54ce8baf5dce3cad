// Calls that are proven to be about one map: look-ups in arrays as address arithmetic, updates of them as copies,
// others by the map's own code.
#include <bit>
#include <cerrno>

#include "helpers/env.hpp"
#include "jit/x64/emitter.hpp"

namespace skep::jit::x64 {

/// What is rarely run ends in `back`, with the result in `dst`.
asmjit::Label X64Emitter::put_off_miss(const At& at, const x86::Gp& dst, Miss::Kind kind, std::int32_t result) {
  const asmjit::Label back = a_.newLabel();
  misses_.push_back({a_.newLabel(), back, dst, kind, result, at.index});
  return misses_.back().from;
}

/// The CPU that the run holds; the first to ask takes one.
void X64Emitter::load_cpu(const At& at, const x86::Gp& dst) {
  a_.mov(dst, SKEP_MACHINE(cpu));
  a_.test(dst, dst);
  a_.js(put_off_miss(at, dst, Miss::Kind::cpu));
  a_.bind(misses_.back().back);
}

/// `index` becomes the address of the value under the key, or the call's result is `missed` and it ends at the label
/// that is returned; none where the key is in range.
asmjit::Label X64Emitter::find_value(const At& at, const lower::KnownCall& call, const Sum& key, const x86::Gp& index,
                                     std::int32_t missed) {
  if (call.wants_cpu) load_cpu(at, kTemp2);
  a_.mov(index.r32(), memory(key, 4));
  asmjit::Label back;
  if (!call.is_in_range) {
    a_.cmp(index.r32(), static_cast<std::int32_t>(call.count));
    a_.jae(put_off_miss(at, reg(0), Miss::Kind::result, missed));
    back = misses_.back().back;
  }
  std::uint32_t scale = 0;
  if (call.stride == 8)
    scale = 3;
  else if (std::has_single_bit(call.stride))
    a_.shl(index, std::countr_zero(call.stride));
  else
    a_.imul(index, index, static_cast<std::int32_t>(call.stride));
  if (call.wants_cpu && std::has_single_bit(call.lane_bytes)) {
    a_.shl(kTemp2, std::countr_zero(call.lane_bytes));
  } else if (call.wants_cpu && call.lane_bytes <= INT32_MAX) {
    a_.imul(kTemp2, kTemp2, static_cast<std::int32_t>(call.lane_bytes));
  } else if (call.wants_cpu) {
    a_.mov(kTemp, call.lane_bytes);
    a_.imul(kTemp2, kTemp);
  }
  const auto number = reinterpret_cast<std::uint64_t>(call.base);
  const unsigned holder = holder_of(number);
  const x86::Gp base = holder == kNoRegister ? kTemp : reg(holder);
  if (holder == kNoRegister) a_.mov(base, number);
  if (call.wants_cpu) a_.lea(kTemp, x86::ptr(base, kTemp2));
  a_.lea(index, x86::ptr(call.wants_cpu ? kTemp : base, index, scale));
  return back;
}

void X64Emitter::lookup_array(const At& at, const lower::KnownCall& lookup, const Sum& key) {
  const asmjit::Label missed = find_value(at, lookup, key, reg(0), 0);
  if (missed.isValid()) a_.bind(missed);
}

asmjit::Label X64Emitter::find_element(const At& at, const lower::KnownCall& update, const Sum& key) {
  return find_value(at, update, key, kAddress, -E2BIG);
}

void X64Emitter::store_word(std::int32_t off, const Sum& from, unsigned bytes) {
  const x86::Gp word = bytes == 8 ? kTemp : kTemp.r32();
  if (bytes >= 4)
    a_.mov(word, memory(from, bytes));
  else
    a_.movzx(word, memory(from, bytes));
  const x86::Mem to = x86::ptr(kAddress, off, bytes);
  if (bytes == 8) a_.mov(to, kTemp);
  if (bytes == 4) a_.mov(to, kTemp.r32());
  if (bytes == 2) a_.mov(to, kTemp.r16());
  if (bytes == 1) a_.mov(to, kTemp.r8());
}

void X64Emitter::call_direct(const At& at, const lower::KnownCall& call) {
  const auto map = reinterpret_cast<std::uint64_t>(call.map);
  if (call.wants_cpu)
    load_cpu(at, x86::rdi);
  else if (call.about_record)
    a_.mov(x86::rdi, map);
  if (call.names_map) a_.mov(reg(1), map);
  a_.call(asmjit::imm(reinterpret_cast<std::uint64_t>(call.code)));
}

void X64Emitter::emit_misses() {
  for (const Miss& miss : misses_) {
    mark(MachineCode::Role::detour, miss.index);
    a_.bind(miss.from);
    switch (miss.kind) {
      case Miss::Kind::result:
        move_constant(miss.dst, static_cast<std::uint64_t>(std::int64_t{miss.result}));
        break;
      case Miss::Kind::cpu: {
        constexpr unsigned kArguments = 5;
        a_.push(x86::rax);  // what was half done; five arguments more keep the stack aligned
        for (unsigned i = 1; i <= kArguments; ++i) a_.push(reg(i));
        a_.mov(x86::rdi, SKEP_MACHINE(env));
        a_.call(asmjit::imm(reinterpret_cast<std::uint64_t>(helpers::hold_cpu)));
        for (unsigned i = kArguments; i > 0; --i) a_.pop(reg(i));
        a_.pop(x86::rax);
        a_.mov(miss.dst, SKEP_MACHINE(cpu));  // rax, perhaps
        break;
      }
    }
    a_.jmp(miss.back);
  }
}

}  // namespace skep::jit::x64
