// Calls of the program's own functions, callbacks, and what has to hold where a function ends.
#include <algorithm>

#include "abi/helper.hpp"
#include "verifier/access/access.hpp"
#include "verifier/transfer/call_state.hpp"

namespace skep::verifier {
namespace {

Register frame_pointer(unsigned frame) {
  Register reg = Register::pointer(RegKind::stack);
  reg.frame = static_cast<std::uint8_t>(frame);
  return reg;
}

/// A frame for a function that is about to be entered; its slots say nothing of any checkpoint's.
Objection push_frame(const Step& step, Pools& pools, State& state, std::uint32_t function, std::uint32_t call_pc) {
  if (state.depth() == kMaxFrames) return step.finds(Code::call_too_deep, {kMaxFrames});
  Frame frame;
  frame.subprog = function;
  frame.call_pc = call_pc;
  frame.regs[isa::kFramePointer] = frame_pointer(state.depth());
  state.written[state.depth()] = ~std::uint64_t{0};
  state.frames.push_back(Cow<Frame>(pools.frames, frame));
  return {};
}

/// A global function is verified on its own: the caller need only keep its side of the signature.
Objection call_global(Walk& walk, const Step& step, const Prototype& prototype, const Function& function) {
  if (!prototype.returns_number) return step.finds(Code::function_no_number);
  for (unsigned number = 1; number <= prototype.parameters.size(); ++number) {
    const Parameter& parameter = prototype.parameters[number - 1];
    if (parameter.kind == Parameter::Kind::none) break;
    if (auto bad = walk.check_readable(step, number)) return bad;
    const Register reg = walk.state.reg(number);
    const auto wrong = [&] {
      return step.finds(Code::function_argument, {number, parameter.bytes}, name_of(reg.kind));
    };
    switch (parameter.kind) {
      case Parameter::Kind::none:
        break;
      case Parameter::Kind::number:
        if (!reg.is_scalar()) return wrong();
        break;
      case Parameter::Kind::ctx:
        if (reg.kind != RegKind::ctx || reg.off != 0) return wrong();
        break;
      case Parameter::Kind::memory: {
        if (reg.is_zero() && parameter.or_null) break;
        if (!reg.is_pointer() || (reg.has(reg_flag::maybe_null) && !parameter.or_null)) return wrong();
        if (auto bad = check_memory_argument(walk, step, number, parameter.bytes)) return bad;
        break;
      }
      case Parameter::Kind::object:
        if (reg.is_zero() && parameter.or_null) break;
        if (reg.has(reg_flag::maybe_null) && !parameter.or_null) return wrong();
        if (auto bad = check_object_argument(walk, step, number, parameter.type)) return bad;
        break;
      case Parameter::Kind::refused:
        return step.finds(Code::function_parameter, {number});
      case Parameter::Kind::unsupported:
        return step.finds(Code::unsupported_function_argument, {number});
    }
  }
  if (function.may_change_packet) forget_packet(walk);
  forget_caller_saved(walk.state);
  walk.state.change_reg(0) = Register::unknown();
  walk.state.pc = step.pc + 1;
  return {};
}

Objection leave_function(Walk& walk, const Step& step, State& state) {
  const Register r0 = state.reg(0);
  if (r0.kind == RegKind::stack) return step.finds(Code::return_stack_pointer);
  const Frame callee = state.top();
  state.frames.pop_back();
  if (callee.callback.helper == 0) {
    state.change_reg(0) = r0;
    state.pc = callee.call_pc + 1;
    return {};
  }
  // A callback returns into the helper, which may call it again or not: back to the call, where both are walked.
  if (!r0.is_scalar()) return step.finds(Code::callback_return_kind, {}, name_of(r0.kind));
  for (const Reference& reference : state.references)
    if (reference.callback == state.depth() + 1) return step.finds(Code::reference_leak, {reference.pc}, "callback");
  walk.need_precise(r0);
  if (!r0.num().within(Scalar::between(0, 1)))
    return step.finds(Code::callback_return_range, {r0.num().smin, r0.num().smax, 0, 1});
  state.pc = callee.call_pc;
  const Checkpoint* before = Explored::previous_visit(state, state.pc, state.depth());
  if (before != nullptr) widen(walk, *before, state);
  return {};
}

Objection leave_program(Walk& walk, const Step& step) {
  const Register& r0 = walk.state.reg(0);
  if (!walk.state.references.empty())
    return step.finds(Code::reference_leak, {walk.state.references.front().pc}, "exit");
  if (auto bad = check_return(walk, step, r0)) return bad;
  walk.end_path();
  return {};
}

}  // namespace

Objection transfer_subprogram_call(Walk& walk, const Step& step) {
  const auto target = static_cast<std::uint32_t>(isa::jump_target(step.insn, step.info, step.pc));
  const std::uint32_t function = walk.graph.function_at(target);
  (*walk.called)[function] = true;
  if (const Prototype* prototype = walk.prototype(function))
    return call_global(walk, step, *prototype, walk.graph.functions()[function]);
  const Frame caller = walk.state.top();
  if (auto bad = push_frame(step, *walk.pools, walk.state, function, step.pc)) return bad;
  Frame& callee = walk.state.change_top();
  for (unsigned i = 1; i <= 5; ++i) callee.regs[i] = caller.regs[i];
  Frame& left = walk.state.frames[walk.state.depth() - 2].change();
  for (unsigned i = 0; i <= 5; ++i) left.regs[i] = {};
  walk.state.pc = target;
  return {};
}

Objection call_back(Walk& walk, const Step& step, const CallState& call) {
  const auto callback = std::find_if(call.helper.args.begin(), call.helper.args.end(),
                                     [](const abi::ArgSpec& arg) { return arg.kind == abi::Arg::callback; });
  const Frame& caller = walk.state.top();
  const auto entry = walk.graph.functions()[call.callback].start;
  if (callback->callback == abi::Callback::loop) {
    walk.need_precise(caller.regs[1]);
    if (caller.callback.depth >= caller.regs[1].num().umax) {
      walk.state.change_top().callback.depth = 0;
      return {};
    }
  }
  State branch = walk.state;
  Frame& again = branch.change_top();
  ++again.callback.depth;
  walk.state.change_top().callback.depth = 0;
  if (auto bad = push_frame(step, *walk.pools, branch, call.callback, step.pc)) return bad;
  Frame& callee = branch.change_top();
  callee.callback.helper = call.helper.id;
  const Frame& from = *branch.frames[branch.depth() - 2];
  switch (callback->callback) {
    case abi::Callback::loop:
      callee.regs[1] = Register::unknown();
      callee.regs[2] = from.regs[3];
      break;
    case abi::Callback::map_element:
      callee.regs[1] = *call.map;
      callee.regs[2] = Register::pointer(RegKind::map_key, call.map->target);
      callee.regs[3] = Register::pointer(RegKind::map_value, call.map->target);
      callee.regs[4] = from.regs[3];
      break;
    case abi::Callback::vma:
      callee.regs[1] = from.regs[1];
      callee.regs[2] = Register::pointer(RegKind::btf_object, walk.kernel_type(abi::KernelType::vm_area_struct));
      callee.regs[3] = from.regs[4];
      if (callee.regs[2].target == 0) return step.finds(Code::unsupported_callback, {call.helper.id}, call.helper.name);
      break;
    case abi::Callback::none:
    case abi::Callback::user_record:
    case abi::Callback::timer:
      return step.finds(Code::unsupported_callback, {call.helper.id}, call.helper.name);
  }
  branch.pc = entry;
  return walk.put_aside(step, std::move(branch));
}

Objection leave_early(Walk& walk, const Step& step) {
  State failed = walk.state;
  failed.change_reg(0) = Register::constant(0);
  if (auto bad = leave_function(walk, step, failed)) return bad;
  return walk.put_aside(step, std::move(failed));
}

Objection transfer_exit(Walk& walk, const Step& step) {
  if (auto bad = walk.check_readable(step, 0)) {
    // A callee may leave r0 alone; reading it afterwards is what is wrong.
    const bool at_end = walk.state.depth() == 1 && !returns_nothing(walk);
    if (at_end || walk.state.top().callback.helper != 0) return bad;
  }
  return walk.state.depth() > 1 ? leave_function(walk, step, walk.state) : leave_program(walk, step);
}

}  // namespace skep::verifier
