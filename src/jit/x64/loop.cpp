// Copies and sums in steps of 32 bytes, with what every x86-64 has.
#include "jit/x64/emitter.hpp"

namespace skep::jit::x64 {

namespace {

constexpr std::int32_t kBytes = 32;  // an iteration of ours

/// `off` bytes behind the place; its constant, if it has one, is in `scratch`.
x86::Mem place_at(const Place& place, const x86::Gp& scratch, std::int32_t off) {
  Sum sum = place.sum;
  sum.off += off;
  if (place.constant == 0) return memory(sum);
  const std::uint8_t index = sum.index == kNoRegister ? sum.base : sum.index;
  if (index == kNoRegister) return x86::ptr(scratch, sum.off);
  return x86::ptr(scratch, reg(index), sum.scale, sum.off);
}

/// With a constant there is room for one register.
bool holds(const Place& place) {
  constexpr std::int32_t kMargin = 64;
  return place.sum.off < INT32_MAX - kMargin && place.sum.off > INT32_MIN + kMargin &&
         (place.constant == 0 || place.sum.base == kNoRegister || place.sum.index == kNoRegister);
}

}  // namespace

void X64Emitter::hasten(const QuickLoop& loop, const asmjit::Label& behind) {
  const bool copies = loop.kind == QuickLoop::Kind::copy;
  if (!holds(loop.source) || !holds(loop.target)) return;
  const auto count = kBytes / static_cast<std::int32_t>(loop.bytes);
  const std::int32_t step = loop.step < 0 ? -loop.step : loop.step;
  const std::int32_t least = (loop.may_finish ? count : count + 1) * step;
  const asmjit::Label again = a_.newLabel();
  const asmjit::Label none = a_.newLabel();

  // What an iteration of ours begins with: of a place that goes down, its last element.
  const auto first = [&](const Place& place) {
    return place.goes_down ? static_cast<std::int32_t>(loop.bytes) - kBytes : 0;
  };
  const auto source = [&](std::int32_t off) { return place_at(loop.source, kAddress, first(loop.source) + off); };
  const auto target = [&](std::int32_t off) { return place_at(loop.target, kTemp2, first(loop.target) + off); };
  if (loop.target.constant != 0) a_.mov(kTemp2, loop.target.constant);
  if (loop.source.constant != 0) a_.mov(kAddress, loop.source.constant);
  if (copies) {
    if (loop.turns_round())
      leave_where_places_meet(loop, none);
    else
      leave_where_places_overlap(loop, none);
    if (loop.source.constant != 0) a_.mov(kAddress, loop.source.constant);
  } else {
    a_.pxor(x86::xmm0, x86::xmm0);
    a_.pxor(x86::xmm1, x86::xmm1);
    a_.pxor(x86::xmm2, x86::xmm2);
  }
  count_left(loop, kTemp);
  a_.cmp(kTemp, least);
  a_.jb(none);
  a_.align(asmjit::AlignMode::kCode, 16);
  a_.bind(again);
  if (copies) {
    a_.movups(x86::xmm0, source(0));
    a_.movups(x86::xmm1, source(16));
    if (loop.turns_round()) {
      turn_round(loop.bytes, x86::xmm0);
      turn_round(loop.bytes, x86::xmm1);
    }
    a_.movups(target(loop.turns_round() ? 16 : 0), x86::xmm0);
    a_.movups(target(loop.turns_round() ? 0 : 16), x86::xmm1);
  } else {
    a_.movdqu(x86::xmm3, source(0));
    a_.movdqu(x86::xmm4, source(16));
    add_up(loop.bytes, x86::xmm1, x86::xmm3);
    add_up(loop.bytes, x86::xmm2, x86::xmm4);
  }
  for (const QuickLoop::Advance& advance : loop.advances) a_.add(reg(advance.reg), count * advance.step);
  a_.sub(kTemp, count * step);
  a_.cmp(kTemp, least);
  a_.jae(again);
  if (!copies) {
    a_.paddd(x86::xmm1, x86::xmm2);
    a_.pshufd(x86::xmm2, x86::xmm1, 0xee);
    a_.paddd(x86::xmm1, x86::xmm2);
    a_.pshufd(x86::xmm2, x86::xmm1, 0x55);
    a_.paddd(x86::xmm1, x86::xmm2);
    a_.movd(kAddress.r32(), x86::xmm1);
    a_.add(reg(loop.total).r32(), kAddress.r32());
  }
  if (loop.may_finish) {
    for (const unsigned other : members(loop.totals)) a_.mov(reg(other).r32(), reg(loop.total).r32());
    a_.test(kTemp, kTemp);
    a_.jz(behind);
  }
  a_.bind(none);
}

/// How far the counter has to go.
void X64Emitter::count_left(const QuickLoop& loop, const x86::Gp& left) {
  const auto with_bound = [&](auto&& emit) {
    loop.bound_number ? emit(asmjit::imm(*loop.bound_number)) : emit(reg(loop.bound));
  };
  if (loop.step > 0) {
    with_bound([&](const auto& bound) { a_.mov(left, bound); });
    a_.sub(left, reg(loop.counter));
  } else {
    a_.mov(left, reg(loop.counter));
    with_bound([&](const auto& bound) { a_.sub(left, bound); });
  }
}

/// Both places go the same way: what is stored must not be loaded later on, but for by the same iteration. Constants
/// are in kAddress, which is lost, and in kTemp2.
void X64Emitter::leave_where_places_overlap(const QuickLoop& loop, const asmjit::Label& leave) {
  if (loop.source.goes_down) {
    a_.lea(kTemp, place_at(loop.source, kAddress, -1));
    a_.lea(kAddress, place_at(loop.target, kTemp2, 0));
  } else {
    a_.lea(kTemp, place_at(loop.target, kTemp2, -1));
    a_.lea(kAddress, place_at(loop.source, kAddress, 0));
  }
  a_.sub(kTemp, kAddress);
  a_.cmp(kTemp, kBytes - 1);
  a_.jb(leave);
}

/// The places go towards each other, or away from each other: all that the one will pass must lie before or behind all
/// that the other will.
void X64Emitter::leave_where_places_meet(const QuickLoop& loop, const asmjit::Label& leave) {
  const auto bytes = static_cast<std::int32_t>(loop.bytes);
  const asmjit::Label part = a_.newLabel();
  if (loop.source.goes_down) {
    a_.lea(kTemp, place_at(loop.source, kAddress, bytes));
    a_.lea(kAddress, place_at(loop.target, kTemp2, 0));
  } else {
    a_.lea(kTemp, place_at(loop.target, kTemp2, bytes));
    a_.lea(kAddress, place_at(loop.source, kAddress, 0));
  }
  a_.sub(kTemp, kAddress);
  a_.jle(part);
  count_left(loop, kAddress);
  a_.shl(kAddress, loop.approach);
  a_.cmp(kTemp, kAddress);
  a_.jl(leave);
  a_.bind(part);
}

/// The elements of `all` in the opposite order; xmm2 is scratch.
void X64Emitter::turn_round(unsigned bytes, const x86::Xmm& all) {
  constexpr unsigned kHalves = 0x4e, kFours = 0x1b;
  if (bytes == 4) {
    a_.pshufd(all, all, kFours);
    return;
  }
  a_.pshufd(all, all, kHalves);
  if (bytes == 8) return;
  a_.pshuflw(all, all, kFours);
  a_.pshufhw(all, all, kFours);
  if (bytes == 2) return;
  a_.movdqa(x86::xmm2, all);
  a_.psllw(all, 8);
  a_.psrlw(x86::xmm2, 8);
  a_.por(all, x86::xmm2);
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
