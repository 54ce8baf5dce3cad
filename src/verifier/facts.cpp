// What of a walk's states is worth keeping.
#include "verifier/facts.hpp"

#include <algorithm>

#include "verifier/access/access.hpp"
#include "verifier/walk.hpp"

namespace skep::verifier {
namespace {

/// Divisors kept per verification; past that the rest are taken for possible zeros.
constexpr std::size_t kMaxDivisors = 4096;

bool divides_by_register(const Step& step) {
  using enum isa::Operation;
  const isa::Operation operation = step.info.operation;
  return step.info.operands == isa::Operands::dst_src &&
         (operation == div_ || operation == sdiv_ || operation == mod_ || operation == smod_);
}

bool may_be_zero(const Register& divisor, bool half) {
  if (!divisor.is_scalar()) return true;
  const Scalar num = half ? zero_extend(divisor.num(), 32) : divisor.num();
  return num.contains(0);
}

/// Where an access through `base` that was allowed may be, whatever its varying part is.
Extent extent_of(const Register& base, const Range& range) {
  const std::int64_t off = std::int64_t{base.off} + range.off;
  if (base.is_fixed()) {
    const std::int64_t at = off + static_cast<std::int64_t>(base.fixed());
    return {at, at + range.bytes};
  }
  constexpr std::int64_t kFar = std::int64_t{1} << 40;  // no region has that, and sums cannot wrap
  const Scalar num = base.num();
  return {off + std::max(num.smin, -kFar), off + std::min(num.smax, kFar) + range.bytes};
}

}  // namespace

void FactsRecorder::step(const Walk& walk, const Step& step) {
  InsnFacts& facts = facts_.insns_[step.pc];
  facts.reached = true;
  if (step.info.operands == isa::Operands::call_imm) {
    const Register& map = walk.state.reg(1);
    if (map.kind == RegKind::map && (map.target & kInnerMap) == 0)
      facts.value.add(map.target);
    else
      facts.value.refuse();
  } else if (divides_by_register(step)) {
    divides(step, walk.state.reg(step.insn.src));
  }
}

void FactsRecorder::divides(const Step& step, const Register& divisor) {
  InsnFacts& facts = facts_.insns_[step.pc];
  if (facts.may_divide_by_0) return;
  const bool known = !may_be_zero(divisor, step.is32()) && divisors_.size() < kMaxDivisors;
  if (!known) {
    facts.may_divide_by_0 = true;
    return;
  }
  const std::pair entry{step.pc, divisor.node};
  if (divisor.node != 0 && std::find(divisors_.begin(), divisors_.end(), entry) == divisors_.end())
    divisors_.push_back(entry);
}

void FactsRecorder::access(const Step& step, const Register& base, const Access& access) {
  InsnFacts& facts = facts_.insns_[step.pc];
  facts.base |= kind_bit(base.kind);
  const Extent extent = extent_of(base, access.range);
  facts.region.add(extent);
  const Register* loaded = access.loaded;
  if (loaded != nullptr && base.kind == RegKind::map_value && loaded->is_constant())
    facts.value.add(loaded->fixed());
  else
    facts.value.refuse();
  if (base.kind != RegKind::ctx) return;
  facts_.context_bytes_ = std::max(facts_.context_bytes_, static_cast<std::uint32_t>(extent.end));
  facts_.writes_context_ |= access.touch == Touch::write;
  // What a kernel object is worth is asked when it is read; other pointers are followed unasked.
  facts_.loads_context_pointers_ |= loaded != nullptr && loaded->is_pointer() && loaded->kind != RegKind::btf_object;
}

void FactsRecorder::end_walk(const Walk& walk) {
  for (const auto& [pc, node] : divisors_)
    if (!walk.values.precise(node)) facts_.insns_[pc].may_divide_by_0 = true;
  divisors_.clear();
}

}  // namespace skep::verifier
