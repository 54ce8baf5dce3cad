// Copies and sums in steps of 32 bytes.
#include "jit/a64/emitter.hpp"

namespace skep::jit::a64 {

namespace {

constexpr std::int32_t kBytes = 32;  // an iteration of ours

}  // namespace

void A64Emitter::place_in(const arm::GpX& to, const Place& place) {
  const Sum& sum = place.sum;
  if (place.constant == 0 && sum.base == kNoRegister) {
    a_.lsl(to, reg(sum.index), sum.scale);
  } else {
    if (place.constant != 0)
      move_constant(to, place.constant);
    else
      a_.mov(to, reg(sum.base));
    if (place.constant != 0 && sum.base != kNoRegister) a_.add(to, to, reg(sum.base));
    if (sum.index != kNoRegister) a_.add(to, to, reg(sum.index), asmjit::arm::lsl(sum.scale));
  }
  if (sum.off != 0) add_constant(to, to, sum.off);
}

void A64Emitter::hasten(const QuickLoop& loop, const asmjit::Label& behind) {
  const bool copies = loop.kind == QuickLoop::Kind::copy;
  const auto count = kBytes / static_cast<std::int32_t>(loop.bytes);
  const std::int32_t step = loop.step < 0 ? -loop.step : loop.step;
  const std::int32_t least = (loop.may_finish ? count : count + 1) * step;
  const asmjit::Label again = a_.newLabel();
  const asmjit::Label none = a_.newLabel();
  const arm::GpX& left = kTemp2;  // how far the counter has to go

  // kTemp is what constants pass through: no value lies there for longer.
  const auto compare_left = [&] {
    move_constant(kTemp, static_cast<std::uint64_t>(least));
    a_.cmp(left, kTemp);
  };
  // An iteration of ours begins with the last element of a place that goes down.
  const auto begin = [&](const arm::GpX& at, const Place& place) {
    if (place.goes_down) a_.sub(at, at, kBytes - static_cast<std::int32_t>(loop.bytes));
  };
  const auto next = [](const arm::GpX& at, const Place& place) {
    return arm::ptr_post(at, place.goes_down ? -kBytes : kBytes);
  };
  if (loop.bound_number)
    move_constant(left, static_cast<std::uint64_t>(std::int64_t{*loop.bound_number}));
  else
    a_.mov(left, reg(loop.bound));
  a_.sub(left, left, reg(loop.counter));
  if (loop.step < 0) a_.neg(left, left);
  compare_left();
  branch_if(arm::CondCode::kLO, none);
  place_in(kAddress, loop.source);
  if (copies) {
    place_in(kTemp3, loop.target);
    leave_where_places_clash(loop, none);
    begin(kTemp3, loop.target);
  } else {
    a_.movi(arm::v2.s4(), 0);
    a_.movi(arm::v3.s4(), 0);
  }
  begin(kAddress, loop.source);
  a_.bind(again);
  a_.ldp(arm::q0, arm::q1, next(kAddress, loop.source));
  if (loop.turns_round()) {
    turn_round(loop.bytes, arm::v0);
    turn_round(loop.bytes, arm::v1);
    a_.stp(arm::q1, arm::q0, next(kTemp3, loop.target));
  } else if (copies) {
    a_.stp(arm::q0, arm::q1, next(kTemp3, loop.target));
  } else {
    add_up(loop.bytes, arm::v2, arm::v0);
    add_up(loop.bytes, arm::v3, arm::v1);
  }
  for (const QuickLoop::Advance& advance : loop.advances)
    add_constant(reg(advance.reg), reg(advance.reg), std::int64_t{count} * advance.step);
  add_constant(left, left, -std::int64_t{count} * step);
  compare_left();
  branch_if(arm::CondCode::kHS, again);
  if (!copies) {
    a_.add(arm::v2.s4(), arm::v2.s4(), arm::v3.s4());
    a_.addv(arm::v2.s(), arm::v2.s4());
    a_.fmov(kTemp.w(), arm::v2.s());
    a_.add(reg(loop.total).w(), reg(loop.total).w(), kTemp.w());
  }
  if (loop.may_finish) {
    for (const unsigned other : members(loop.totals)) a_.mov(reg(other).w(), reg(loop.total).w());
    branch_if_zero(left, behind);
  }
  a_.bind(none);
}

/// What is stored must not be loaded later on, but for by the same iteration. The source is in kAddress, the target in
/// kTemp3, and how far the counter has to go in kTemp2.
void A64Emitter::leave_where_places_clash(const QuickLoop& loop, const asmjit::Label& leave) {
  const bool source_first = loop.source.goes_down;
  const arm::GpX& first = source_first ? kAddress : kTemp3;
  const arm::GpX& second = source_first ? kTemp3 : kAddress;
  a_.sub(kTemp, first, second);
  if (!loop.turns_round()) {
    a_.sub(kTemp, kTemp, 1);
    a_.cmp(kTemp, kBytes - 1);
    branch_if(arm::CondCode::kLO, leave);
    return;
  }
  // All that the one will pass must lie before or behind all that the other will.
  const asmjit::Label part = a_.newLabel();
  a_.adds(kTemp, kTemp, loop.bytes);
  branch_if(arm::CondCode::kLE, part);
  a_.cmp(kTemp, kTemp2, asmjit::arm::lsl(loop.approach));
  branch_if(arm::CondCode::kLT, leave);
  a_.bind(part);
}

/// The elements of `all` in the opposite order.
void A64Emitter::turn_round(unsigned bytes, const arm::Vec& all) {
  if (bytes == 1) a_.rev64(all.b16(), all.b16());
  if (bytes == 2) a_.rev64(all.h8(), all.h8());
  if (bytes == 4) a_.rev64(all.s4(), all.s4());
  a_.ext(all.b16(), all.b16(), all.b16(), 8);
}

/// Adds the elements in `from` to the four sums of 32 bits in `total`.
void A64Emitter::add_up(unsigned bytes, const arm::Vec& total, const arm::Vec& from) {
  if (bytes == 1) {
    a_.uaddlp(from.h8(), from.b16());
    a_.uadalp(total.s4(), from.h8());
  } else if (bytes == 2) {
    a_.uadalp(total.s4(), from.h8());
  } else {
    a_.add(total.s4(), total.s4(), from.s4());
  }
}

}  // namespace skep::jit::a64
