// What ends a block, what a function touches, what may leave generated code: one pass over the ops of each function,
// and one backwards for the costs of blocks.
#include "jit/plan.hpp"

#include <algorithm>
#include <array>
#include <span>

#include "jit/slots.hpp"

namespace skep::jit {
namespace {

using lower::Code;
using lower::Op;

const lower::Binding& binding_of(const Op& op) noexcept { return *reinterpret_cast<const lower::Binding*>(op.imm); }

RegSet arguments_of(const lower::Binding& binding) noexcept {
  return binding.app != nullptr ? kArguments : abi::argument_registers(binding.row);
}

/// Of calls that lowering has bound: what they read depends on what they call.
Effects effects_of_call(const Op& op) noexcept {
  switch (op.code) {
    case Code::lookup_array:
    case Code::lookup_direct:
      return {bit_of(2), kClobbered};
    case Code::trap:
      return {};
    case Code::call_free:
      return {arguments_of(*reinterpret_cast<const lower::Binding*>(op.imm)), kClobbered};
    case Code::call_direct: {
      const auto& call = *reinterpret_cast<const lower::KnownCall*>(op.imm);
      if (call.stored_bytes != 0) return {bit_of(2) | bit_of(3), kClobbered};
      const RegSet reads = arguments_of(*call.binding);
      // The map is put where the call wants it; the helper itself, which may be called for records, reads it there.
      return {call.about_record ? reads : static_cast<RegSet>(reads & ~bit_of(1)), kClobbered};
    }
    default:  // other calls
      return {kArguments, kClobbered};
  }
}

constexpr unsigned kWrites = 16;

/// What a code does to the registers in its fields, and to others: what it reads from bit 0 on, what it writes from bit
/// kWrites on.
struct EffectsRow {
  std::uint32_t dst = 0, src = 0, others = 0;
};

constexpr auto kEffects = [] {
  std::array<EffectsRow, lower::kCodeCount> rows;
  for (std::size_t code = 0; code < rows.size(); ++code) {
    using namespace isa::regs;
    const lower::Shape& shape = lower::shape_of(static_cast<Code>(code));
    const auto both = [](std::uint32_t reads, std::uint32_t writes) { return reads | writes << kWrites; };
    const auto others = [](unsigned sets) { return isa::registers_of(sets & ~(D | S), 0, 0); };
    rows[code] = {both(shape.reads & D ? 1 : 0, shape.writes & D ? 1 : 0),
                  both(shape.reads & S ? 1 : 0, shape.writes & S ? 1 : 0),
                  both(others(shape.reads), others(shape.writes))};
  }
  return rows;
}();

Effects effects_of(const Op& op) noexcept {
  if (op.code > Code::constant) return effects_of_call(op);
  const EffectsRow& row = kEffects[static_cast<std::size_t>(op.code)];
  const std::uint32_t both = row.dst << op.dst | row.src << op.src | row.others;
  return {static_cast<RegSet>(both), static_cast<RegSet>(both >> kWrites)};
}

/// It calls code that looks at the run; of ops that name their callee.
bool needs_run(const Op& op) noexcept {
  return op.code == Code::call_free || reinterpret_cast<const lower::KnownCall*>(op.imm)->wants_cpu;
}

/// Linux refuses functions that jump or fall into each other, unverified programs may do it: then all get one frame
/// layout, so that each may end what another began.
void share_frame(std::vector<FunctionPlan>& functions) {
  FunctionPlan all;
  for (const FunctionPlan& function : functions) {
    all.saved |= function.saved;
    all.calls |= function.calls;
    all.nests |= function.nests;
    all.names_frame |= function.names_frame;
    all.counts_may_goto |= function.counts_may_goto;
  }
  for (FunctionPlan& function : functions) {
    function.saved = all.saved;
    function.calls = all.calls;
    function.nests = all.nests;
    function.names_frame = all.names_frame;
    function.counts_may_goto = all.counts_may_goto;
  }
}

/// The function that the op names: it calls it, or takes its address.
const lower::Function* named_by(const Op& op, const lower::Image& image) noexcept {
  const auto number = static_cast<std::uint64_t>(op.imm);
  if (op.code == Code::constant) return image.function_at(number);
  const bool calls = (traits_of(op) & traits::calls_function) != 0;
  return calls ? reinterpret_cast<const lower::Function*>(number) : nullptr;
}

/// Who calls what, callbacks too; as pairs of functions. Proven programs do not call in circles.
std::vector<std::pair<std::size_t, std::size_t>> find_calls(const Plan& plan) {
  std::vector<std::pair<std::size_t, std::size_t>> calls;
  for (std::size_t f = 0; f < plan.functions.size(); ++f) {
    for (std::uint32_t i = plan.functions[f].first; i < plan.functions[f].end; ++i) {
      if (const lower::Function* callee = named_by(plan.image.ops[i], plan.image))
        calls.emplace_back(f, static_cast<std::size_t>(callee - plan.image.functions.data()));
    }
  }
  return calls;
}

/// What functions inherit from those they call: that they leave generated code, and how deep they nest.
void follow_calls(Plan& plan) {
  if (plan.functions.size() == 1) return;  // a proven one does not call itself
  const auto calls = find_calls(plan);
  std::vector<unsigned> frames(plan.functions.size(), 1);
  for (unsigned round = 0; round < vm::kMaxFrames; ++round) {
    for (const auto& [caller, callee] : calls) {
      plan.functions[caller].calls = plan.functions[caller].calls || plan.functions[callee].calls;
      frames[caller] = std::max(frames[caller], std::min(frames[callee] + 1, vm::kMaxFrames));
    }
  }
  plan.frames = *std::max_element(frames.begin(), frames.end());
}

/// Registers that are free from the function's start to its end. What calls clobber they mention; call-outs keep all
/// registers.
RegSet unused_registers(const Plan& plan, const FunctionPlan& function) {
  constexpr auto kUsable = static_cast<RegSet>(bit_of(isa::kFramePointer) - 1 - bit_of(0));
  return static_cast<RegSet>((~function.mentioned & kUsable) | spare_registers(plan));
}

void add_flows(Plan& plan) {
  for (FunctionPlan& function : plan.functions) {
    RegSet unused = unused_registers(plan, function);
    unused &= static_cast<RegSet>(~keep_slots(plan, function, unused));
    const Flow& flow = plan.flows.emplace_back(make_flow(plan.code, plan.ops, function.first, function.end, unused));
    for (const Hoisted& hoisted : flow.hoisted)
      if (hoisted.reg >= kFirstSaved) function.saved |= static_cast<std::uint16_t>(1u << (hoisted.reg - kFirstSaved));
  }
}

/// What the ops of a function are, all together.
struct Survey {
  Traits seen = 0;
  RegSet written = 0;
  RegSet named = 0;
  bool ends_in_helper = false;  ///< a helper may end the run, or call back into the program
  bool needs_run = false;
  std::uint32_t loops_first = UINT32_MAX, loops_end = 0;
  bool crosses = false;  ///< control leaves the function otherwise than by calls and exits
};

/// The plan of ops to which control comes from this one, which ends a block.
void plan_ways_on(Plan& plan, std::uint32_t index) {
  const Op& op = plan.image.ops[index];
  if (goes_to(op)) {
    const std::uint32_t target = index + static_cast<std::uint32_t>(op.off);
    OpPlan& there = plan.ops[target];
    there.is_target = there.starts_block = there.starts_flow = true;
    there.is_loop_head = there.is_loop_head || target <= index;
  }
  if (index + 1 == plan.ops.size()) return;
  OpPlan& next = plan.ops[index + 1];
  next.starts_block = true;
  next.starts_flow = next.starts_flow || goes_to(op) || ends_flow(op);
}

/// Plans its ops on the way.
Survey look_over(Plan& plan, const FunctionPlan& function) {
  const std::span<const Op> ops = plan.image.ops;
  const std::span<OpPlan> plans = plan.ops;
  const std::uint32_t end = function.end;
  Traits seen = 0;
  RegSet written = 0, named = 0;
  Survey survey;
  plan.ops[function.first].starts_block = plan.ops[function.first].starts_flow = true;
  for (std::uint32_t i = function.first; i < end; ++i) {
    const Op& op = ops[i];
    const Traits what = traits_of(op);
    const Effects effects = effects_of(op);
    plans[i].effects = effects;
    seen |= what;
    written |= effects.writes;
    named |= bit_of(op.dst) | bit_of(op.src);
    if ((what & traits::ends_block) == 0) continue;
    plan_ways_on(plan, i);
    const std::uint32_t target = goes_to(op) ? i + static_cast<std::uint32_t>(op.off) : i;
    if (goes_to(op) && target <= i) {
      survey.loops_first = std::min(survey.loops_first, target);
      survey.loops_end = i + 1;
    }
    survey.crosses = survey.crosses || target < function.first || target >= end;
    if ((what & traits::names_callee) == 0) continue;
    survey.needs_run = survey.needs_run || needs_run(op);
    survey.ends_in_helper = survey.ends_in_helper || (op.code == Code::call_free && calls_back(binding_of(op)));
  }
  survey.seen = seen;
  survey.written = written;
  survey.named = named;
  survey.crosses = survey.crosses || (end < ops.size() && !ends_flow(ops[end - 1]));
  return survey;
}

/// What it says of the function and of the plan.
void apply(const Survey& survey, Plan& plan, FunctionPlan& function) {
  const auto saw = [&](Traits some) { return (survey.seen & some) != 0; };
  const bool is_proven = plan.image.proven;
  function.mentioned = survey.named | survey.written;
  function.saved = static_cast<std::uint16_t>(survey.written >> kFirstSaved & ((1u << kSavedRegisters) - 1));
  function.loops_first = survey.loops_first;
  function.loops_end = survey.loops_end;
  function.nests = saw(traits::calls_function);
  function.calls =
      plan.options.metered || plan.options.polls || saw(traits::calls_out) || (function.nests && !is_proven);
  // What is cleared on entry is a frame of its own, even where nothing that looks at it is run.
  function.names_frame = (survey.named & bit_of(isa::kFramePointer)) != 0 || function.stack_bytes != 0;
  function.counts_may_goto = saw(traits::counts_may_goto);
  plan.uses_windows = plan.uses_windows || saw(traits::is_checked);
  plan.has_tail_calls = plan.has_tail_calls || saw(traits::is_tail_call);
  // Of a call of a function that is left to the callee, where a proof says that there is a frame for it.
  const bool may_end = saw(traits::may_end) || survey.ends_in_helper || (function.nests && !is_proven);
  plan.is_plain = plan.is_plain && !may_end;
  plan.stands_alone = plan.stands_alone && !survey.needs_run;
}

std::vector<std::uint32_t> count_refunds(const Plan& plan) {
  const auto& ops = plan.image.ops;
  std::vector<std::uint32_t> refunds(ops.size());
  for (std::size_t i = ops.size(); i-- > 0;) {
    const bool last = i + 1 == ops.size() || plan.ops[i + 1].starts_block;
    refunds[i] = last ? 0 : refunds[i + 1] + 1;
  }
  return refunds;
}

}  // namespace

const FunctionPlan& callee_of(const Plan& plan, const Op& op) noexcept {
  return plan.functions[static_cast<std::size_t>(named_by(op, plan.image) - plan.image.functions.data())];
}

Plan make_plan(const lower::Image& image, const Options& options) {
  Plan plan{image, options, image.ops, {}, std::vector<OpPlan>(image.ops.size()), {}, {}};
  // Only a proof says that nobody looks at registers that nobody has set; code that polls may end early.
  plan.is_plain = plan.stands_alone = !image.guarded && !options.metered && !options.polls;
  bool crossing = false;
  for (std::size_t f = 0; f < image.functions.size(); ++f) {
    const bool last = f + 1 == image.functions.size();
    FunctionPlan function;
    function.first = image.functions[f].op;
    function.end = last ? static_cast<std::uint32_t>(image.ops.size()) : image.functions[f + 1].op;
    function.stack_bytes = image.functions[f].stack_bytes;
    const Survey survey = look_over(plan, function);
    apply(survey, plan, function);
    crossing = crossing || survey.crosses;
    plan.functions.push_back(function);
  }
  plan.stands_alone = plan.stands_alone && plan.is_plain;
  if (crossing) share_frame(plan.functions);
  if (image.proven) follow_calls(plan);
  // Values that are put off end up in code whole, so none are where numbers are kept out of it.
  if (image.proven && !options.metered && !options.blind && !crossing) add_flows(plan);
  if (options.metered) plan.refunds = count_refunds(plan);
  return plan;
}

}  // namespace skep::jit
