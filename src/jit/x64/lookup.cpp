// Calls that are proven to be about one map: look-ups in arrays as address arithmetic, others by the map's own code.
#include <bit>

#include "helpers/env.hpp"
#include "jit/x64/emitter.hpp"

namespace skep::jit::x64 {

/// What is rarely run ends in `back`, with the result in `dst`.
asmjit::Label X64Emitter::put_off_miss(const At& at, const x86::Gp& dst, Miss::Kind kind) {
  const asmjit::Label back = a_.newLabel();
  misses_.push_back({a_.newLabel(), back, dst, kind, at.index});
  return misses_.back().from;
}

/// The CPU that the run holds; the first to ask takes one.
void X64Emitter::load_cpu(const At& at, const x86::Gp& dst) {
  a_.mov(dst, SKEP_MACHINE(cpu));
  a_.test(dst, dst);
  a_.js(put_off_miss(at, dst, Miss::Kind::cpu));
  a_.bind(misses_.back().back);
}

void X64Emitter::lookup_array(const At& at, const lower::KnownCall& lookup) {
  const x86::Gp& index = reg(0);
  a_.mov(index.r32(), x86::dword_ptr(reg(2)));
  if (lookup.wants_cpu) load_cpu(at, kTemp2);
  a_.cmp(index.r32(), static_cast<std::int32_t>(lookup.count));
  a_.jae(put_off_miss(at, index, Miss::Kind::no_value));
  const asmjit::Label back = misses_.back().back;
  std::uint32_t scale = 0;
  if (lookup.stride == 8)
    scale = 3;
  else if (std::has_single_bit(lookup.stride))
    a_.shl(index, std::countr_zero(lookup.stride));
  else
    a_.imul(index, index, static_cast<std::int32_t>(lookup.stride));
  a_.mov(kTemp, reinterpret_cast<std::uint64_t>(lookup.base));
  a_.lea(index, x86::ptr(kTemp, index, scale));
  if (lookup.wants_cpu) {
    if (lookup.lane_bytes <= INT32_MAX) {
      a_.imul(kTemp2, kTemp2, static_cast<std::int32_t>(lookup.lane_bytes));
    } else {
      a_.mov(kTemp, lookup.lane_bytes);
      a_.imul(kTemp2, kTemp);
    }
    a_.add(index, kTemp2);
  }
  a_.bind(back);
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
      case Miss::Kind::no_value:
        a_.xor_(miss.dst.r32(), miss.dst.r32());
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
