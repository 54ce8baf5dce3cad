// What ends a block, what a function touches, what may leave generated code: one pass over the ops of each function,
// and one backwards for the costs of blocks.
#include "jit/plan.hpp"

#include <algorithm>

namespace skep::jit {
namespace {

using isa::Operands;
using isa::Operation;
using lower::Code;
using lower::Op;
using lower::Shape;

bool is_call(const Op& op, const Shape& shape) noexcept {
  return shape.operation == Operation::call_ || (op.code >= Code::call_checked && op.code <= Code::trap);
}

bool is_tail_call(const Op& op) noexcept { return op.code == Code::tail_call || op.code == Code::tail_call_checked; }

/// The block ends with this op: what follows is paid for on its own. Calls end it because the callee counts, too.
bool ends_block(const Op& op, const Shape& shape) noexcept {
  return goes_to(shape) || is_call(op, shape) || op.code == Code::exit;
}

/// What the op writes of the registers that calls preserve; bit i for r6 + i.
std::uint8_t saved_write(const Op& op) noexcept {
  return static_cast<std::uint8_t>(effects_of(op).writes >> kFirstSaved & ((1u << kSavedRegisters) - 1));
}

bool is_checked(const Op& op, const Shape& shape) noexcept {
  switch (shape.operands) {
    case Operands::load:
    case Operands::store_imm:
    case Operands::store_src:
    case Operands::atomic:
      return shape.check == lower::Check::checked;
    default:  // no access
      return op.code == Code::call_lookup_checked;
  }
}

bool is_known_call(const Op& op) noexcept {
  return op.code == Code::lookup_array || op.code == Code::lookup_direct || op.code == Code::call_direct;
}

/// It calls code that looks at the run.
bool needs_run(const Op& op) noexcept {
  return op.code == Code::call_free ||
         (is_known_call(op) && reinterpret_cast<const lower::KnownCall*>(op.imm)->wants_cpu);
}

/// The op never ends a run. Of a call that is left to the callee, where a proof says that there is a frame for it.
bool is_plain(const Op& op, bool proven) noexcept {
  if (proven && lower::shape_of(op.code).operands == Operands::call_pc) return true;
  if (op.code == Code::call_free) return !calls_back(*reinterpret_cast<const lower::Binding*>(op.imm));
  return !may_call(op) || is_known_call(op);
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

std::size_t index_of(const lower::Image& image, std::uint64_t function) noexcept {
  return static_cast<std::size_t>(reinterpret_cast<const lower::Function*>(function) - image.functions.data());
}

/// Who calls what, callbacks too; as pairs of functions. Proven programs do not call in circles.
std::vector<std::pair<std::size_t, std::size_t>> find_calls(const Plan& plan) {
  std::vector<std::pair<std::size_t, std::size_t>> calls;
  for (std::size_t f = 0; f < plan.functions.size(); ++f) {
    for (std::uint32_t i = plan.functions[f].first; i < plan.functions[f].end; ++i) {
      const Op& op = plan.image.ops[i];
      const auto number = static_cast<std::uint64_t>(op.imm);
      const bool names = op.code == Code::constant && plan.image.function_at(number) != nullptr;
      if (names || lower::shape_of(op.code).operands == Operands::call_pc)
        calls.emplace_back(f, index_of(plan.image, number));
    }
  }
  return calls;
}

/// What functions inherit from those they call: that they leave generated code, and how deep they nest.
void follow_calls(Plan& plan) {
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

void add_flows(Plan& plan) {
  for (FunctionPlan& function : plan.functions) {
    const Flow& flow = plan.flows.emplace_back(make_flow(plan.image, function.first, function.end, function.calls));
    for (const Hoisted& hoisted : flow.hoisted)
      if (hoisted.reg >= kFirstSaved) function.saved |= static_cast<std::uint8_t>(1u << (hoisted.reg - kFirstSaved));
  }
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

bool calls_back(const lower::Binding& binding) noexcept {
  return binding.app != nullptr ||
         std::any_of(binding.row.args.begin(), binding.row.args.end(),
                     [](const auto& argument) { return argument.kind == abi::Arg::callback; });
}

bool may_call(const Op& op) noexcept {
  const Shape& shape = lower::shape_of(op.code);
  if (is_call(op, shape)) return true;
  switch (shape.operands) {
    case Operands::load:
    case Operands::store_imm:
    case Operands::store_src:
    case Operands::atomic:
      return shape.check != lower::Check::free;
    case Operands::packet_abs:
    case Operands::packet_ind:
    case Operands::call_imm:
    case Operands::call_pc:
      return true;
    case Operands::jump_off:
      return shape.operation == Operation::may_goto_;
    case Operands::none:
    case Operands::dst:
    case Operands::dst_imm:
    case Operands::dst_src:
    case Operands::dst_src_imm:
    case Operands::jump_imm:
    case Operands::compare_imm:
    case Operands::compare_src:
    case Operands::lddw:
      return false;
  }
  return true;
}

const FunctionPlan& callee_of(const Plan& plan, const Op& op) noexcept {
  return plan.functions[index_of(plan.image, static_cast<std::uint64_t>(op.imm))];
}

Plan make_plan(const lower::Image& image, const Options& options) {
  Plan plan{image, options, std::vector<OpPlan>(image.ops.size()), {}, {}};
  // Only a proof says that nobody looks at registers that nobody has set; code that polls has none.
  plan.is_plain = plan.stands_alone = !image.guarded && !options.metered && !options.polls;
  bool crossing = false;
  for (std::size_t f = 0; f < image.functions.size(); ++f) {
    const bool last = f + 1 == image.functions.size();
    FunctionPlan function;
    function.first = image.functions[f].op;
    function.end = last ? static_cast<std::uint32_t>(image.ops.size()) : image.functions[f + 1].op;
    function.stack_bytes = image.functions[f].stack_bytes;
    function.calls = options.metered || options.polls;
    plan.ops[function.first].starts_block = true;
    for (std::uint32_t i = function.first; i < function.end; ++i) {
      const Op& op = image.ops[i];
      const Shape& shape = lower::shape_of(op.code);
      function.saved |= saved_write(op);
      function.nests = function.nests || shape.operands == Operands::call_pc;
      const bool is_known = image.proven && shape.operands == Operands::call_pc;
      function.calls = function.calls || (may_call(op) && !is_known);
      function.names_frame = function.names_frame || op.dst == isa::kFramePointer || op.src == isa::kFramePointer;
      function.counts_may_goto = function.counts_may_goto || shape.operation == Operation::may_goto_;
      plan.uses_windows = plan.uses_windows || is_checked(op, shape);
      plan.is_plain = plan.is_plain && is_plain(op, image.proven);
      plan.stands_alone = plan.stands_alone && !needs_run(op);
      plan.has_tail_calls = plan.has_tail_calls || is_tail_call(op);
      if (goes_to(shape)) {
        const std::uint32_t target = i + static_cast<std::uint32_t>(op.off);
        plan.ops[target].is_target = plan.ops[target].starts_block = true;
        if (target <= i) plan.ops[target].is_loop_head = true;
        crossing = crossing || target < function.first || target >= function.end;
      }
      if (ends_block(op, shape) && i + 1 < image.ops.size()) plan.ops[i + 1].starts_block = true;
    }
    // What is cleared on entry is a frame of its own, even where nothing that looks at it is run.
    function.names_frame = function.names_frame || function.stack_bytes != 0;
    crossing = crossing || (!last && !ends_flow(image.ops[function.end - 1]));
    plan.functions.push_back(function);
  }
  plan.stands_alone = plan.stands_alone && plan.is_plain;
  if (crossing) share_frame(plan.functions);
  if (image.proven) follow_calls(plan);
  if (image.proven && !options.metered && !crossing) add_flows(plan);
  if (options.metered) plan.refunds = count_refunds(plan);
  return plan;
}

}  // namespace skep::jit
