// What has to be in r0 where a program, or a global function that is walked on its own, ends.
#include "abi/prog_types.hpp"
#include "verifier/transfer/transfer.hpp"

namespace skep::verifier {
namespace {

/// What a hook's program may return depends on what the hook does.
abi::ReturnRule hook_rule(const Target& target, const abi::ReturnRule& rule) {
  using Kind = abi::ReturnRule::Kind;
  constexpr std::int32_t kMaxErrno = 4095;
  if (rule.kind != Kind::hook) return target.is_void() ? abi::ReturnRule{Kind::range, 1, 1} : rule;
  return target.is_bool_hook() ? abi::ReturnRule{Kind::range, 0, 1} : abi::ReturnRule{Kind::range, -kMaxErrno, 0};
}

}  // namespace

bool returns_nothing(const Walk& walk) noexcept {
  const program::Program& program = *walk.input.program;
  return walk.entered == nullptr && walk.target != nullptr && walk.target->kind == Target::Kind::hook &&
         static_cast<abi::AttachType>(program.expected_attach_type) != abi::AttachType::lsm_cgroup &&
         walk.target->is_void();
}

Objection check_return(Walk& walk, const Step& step, const Register& r0) {
  if (walk.entered != nullptr) {
    if (!walk.entered->returns_number || r0.is_scalar()) return {};
    return step.finds(Code::function_returns_pointer, {}, name_of(r0.kind));
  }
  if (returns_nothing(walk)) return {};
  if (walk.hides(r0)) return step.finds(Code::pointer_leak, {0}, "return value");
  const program::Program& program = *walk.input.program;
  abi::ReturnRule rule = abi::return_rule(program.type, static_cast<abi::AttachType>(program.expected_attach_type));
  const bool half = rule.kind == abi::ReturnRule::Kind::hook;
  if (walk.target != nullptr && walk.target->kind == Target::Kind::hook) rule = hook_rule(*walk.target, rule);
  switch (rule.kind) {
    case abi::ReturnRule::Kind::anything:
      return {};
    case abi::ReturnRule::Kind::range:
      break;
    case abi::ReturnRule::Kind::hook:
    case abi::ReturnRule::Kind::member:
      return step.finds(Code::unsupported_context, {}, skep::name_of(program.type));
  }
  if (!r0.is_scalar()) return step.finds(Code::return_kind, {}, name_of(r0.kind));
  walk.need_precise(r0);
  const std::int64_t low = half ? r0.num().smin_half : r0.num().smin;
  const std::int64_t high = half ? r0.num().smax_half : r0.num().smax;
  if (low >= rule.low && high <= rule.high) return {};
  return step.finds(Code::return_range, {low, high, rule.low, rule.high});
}

}  // namespace skep::verifier
