// Copies and sums in steps of 32 bytes, with what every x86-64 has.
#include "jit/x64/emitter.hpp"

namespace skep::jit::x64 {

namespace {

constexpr unsigned kBytes = 32;  // an iteration of ours

/// `off` bytes behind the place; its constant, if it has one, is in `scratch`.
x86::Mem place_at(const Place& place, const x86::Gp& scratch, std::int32_t off) {
  Sum sum = place.sum;
  sum.off += off;
  if (place.constant == 0) return memory(sum);
  const std::uint8_t index = sum.index == kNoRegister ? sum.base : sum.index;
  if (index == kNoRegister) return x86::ptr(scratch, sum.off);
  return x86::ptr(scratch, reg(index), sum.scale, sum.off);
}

}  // namespace

void X64Emitter::hasten(const QuickLoop& loop) {
  const bool copies = loop.kind == QuickLoop::Kind::copy;
  const auto holds = [](const Place& place) {  // with a constant there is room for one register
    return place.sum.off < INT32_MAX - 64 &&
           (place.constant == 0 || place.sum.base == kNoRegister || place.sum.index == kNoRegister);
  };
  if (!holds(loop.source) || !holds(loop.target)) return;
  const auto count = static_cast<std::int32_t>(kBytes / loop.bytes);
  const std::int32_t step = loop.step < 0 ? -loop.step : loop.step;
  const asmjit::Label again = a_.newLabel();
  const asmjit::Label none = a_.newLabel();

  const auto source = [&](std::int32_t off) { return place_at(loop.source, kAddress, off); };
  const auto target = [&](std::int32_t off) { return place_at(loop.target, kTemp2, off); };
  if (loop.target.constant != 0) a_.mov(kTemp2, loop.target.constant);
  if (loop.source.constant != 0) a_.mov(kAddress, loop.source.constant);
  if (copies) {
    // What is stored must not be loaded later on, but for by the same iteration.
    a_.lea(kTemp, target(-1));
    a_.lea(kAddress, source(0));
    a_.sub(kTemp, kAddress);
    a_.cmp(kTemp, kBytes - 1);
    a_.jb(none);
    if (loop.source.constant != 0) a_.mov(kAddress, loop.source.constant);
  } else {
    a_.pxor(x86::xmm0, x86::xmm0);
    a_.pxor(x86::xmm1, x86::xmm1);
    a_.pxor(x86::xmm2, x86::xmm2);
  }
  // How far the counter has to go, in kTemp.
  const x86::Gp counter = reg(loop.counter);
  const auto with_bound = [&](auto&& emit) {
    loop.bound_number ? emit(asmjit::imm(*loop.bound_number)) : emit(reg(loop.bound));
  };
  if (loop.step > 0) {
    with_bound([&](const auto& bound) { a_.mov(kTemp, bound); });
    a_.sub(kTemp, counter);
  } else {
    a_.mov(kTemp, counter);
    with_bound([&](const auto& bound) { a_.sub(kTemp, bound); });
  }
  a_.cmp(kTemp, (count + 1) * step);
  a_.jb(none);
  a_.align(asmjit::AlignMode::kCode, 16);
  a_.bind(again);
  if (copies) {
    a_.movups(x86::xmm0, source(0));
    a_.movups(x86::xmm1, source(16));
    a_.movups(target(0), x86::xmm0);
    a_.movups(target(16), x86::xmm1);
  } else {
    a_.movdqu(x86::xmm3, source(0));
    a_.movdqu(x86::xmm4, source(16));
    add_up(loop.bytes, x86::xmm1, x86::xmm3);
    add_up(loop.bytes, x86::xmm2, x86::xmm4);
  }
  for (const QuickLoop::Advance& advance : loop.advances) a_.add(reg(advance.reg), count * advance.step);
  a_.sub(kTemp, count * step);
  a_.cmp(kTemp, (count + 1) * step);
  a_.jae(again);
  if (!copies) {
    a_.paddd(x86::xmm1, x86::xmm2);
    a_.pshufd(x86::xmm2, x86::xmm1, 0xee);
    a_.paddd(x86::xmm1, x86::xmm2);
    a_.pshufd(x86::xmm2, x86::xmm1, 0x55);
    a_.paddd(x86::xmm1, x86::xmm2);
    a_.movd(kTemp.r32(), x86::xmm1);
    a_.add(reg(loop.total).r32(), kTemp.r32());
  }
  a_.bind(none);
}

/// Adds the elements in `from` to the four sums of 32 bits in `total`. xmm0 is 0; xmm5 and `from` are scratch.
void X64Emitter::add_up(unsigned bytes, const x86::Xmm& total, const x86::Xmm& from) {
  if (bytes == 1) {
    a_.psadbw(from, x86::xmm0);
  } else if (bytes == 2) {
    a_.movdqa(x86::xmm5, from);
    a_.punpcklwd(from, x86::xmm0);
    a_.punpckhwd(x86::xmm5, x86::xmm0);
    a_.paddd(total, x86::xmm5);
  }
  a_.paddd(total, from);
}

}  // namespace skep::jit::x64
