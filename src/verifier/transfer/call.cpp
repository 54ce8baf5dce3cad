// Helper calls: may this program call it, are the arguments what it expects, what is r0 afterwards.
#include "abi/helper.hpp"

#include <algorithm>
#include <limits>

#include "verifier/license.hpp"
#include "verifier/transfer/call_state.hpp"
#include "verifier/transfer/speculation.hpp"

namespace skep::verifier {
namespace {

using abi::HelperId;
using abi::Ret;

constexpr std::int64_t kMaxErrno = 4095;
constexpr std::uint64_t kMaxCpus = 8192;

/// Some helpers are for programs on certain targets only.
bool target_allows(const Walk& walk, const abi::Helper& helper) {
  if ((helper.effects & abi::asks_target) == 0 || walk.target == nullptr) return true;
  const Target& target = *walk.target;
  const std::string_view name = walk.input.program->attach_target;
  const auto attach = static_cast<abi::AttachType>(walk.input.program->expected_attach_type);
  const auto hook_is = [&](abi::HookFlag flag) { return target.hook != nullptr && (target.hook->flags & flag) != 0; };
  const bool iterates = target.kind == Target::Kind::iterator;
  switch (static_cast<HelperId>(helper.id)) {
    case HelperId::d_path:
      if (target.kind == Target::Kind::hook) return hook_is(abi::hook_sleepable);
      return iterates || (target.kind == Target::Kind::function && abi::d_path_allowed(name));
    case HelperId::sk_storage_get:
    case HelperId::sk_storage_delete:
      if (target.kind != Target::Kind::function) return true;
      return attach != abi::AttachType::modify_return && !name.starts_with("bpf_sk_storage");
    case HelperId::ima_inode_hash:
    case HelperId::ima_file_hash:
      return hook_is(abi::hook_sleepable);
    case HelperId::setsockopt:
    case HelperId::getsockopt:
      if (iterates) return name == "tcp" || name == "unix";
      return attach == abi::AttachType::lsm_cgroup && hook_is(abi::hook_socket_options);
    default:  // no other asks
      return false;
  }
}

/// What pointed to something that is gone becomes a number nobody knows, or nothing where pointers must not leak.
void invalidate(const Walk& walk, Register& reg) { reg = walk.may_leak() ? Register::unknown() : Register{}; }

Objection may_call(const Walk& walk, const Step& step, const abi::Helper* named, const abi::Helper* helper) {
  const program::Program& program = *walk.input.program;
  if (named == nullptr) return step.finds(Code::helper_unknown, {step.insn.imm});
  if (helper == nullptr)
    return step.finds(Code::helper_not_for_type, {named->id, static_cast<std::int64_t>(program.type)}, named->name);
  if (!target_allows(walk, *helper))
    return step.finds(Code::helper_not_for_type, {helper->id, static_cast<std::int64_t>(program.type)}, helper->name);
  if (!holds(walk.input.options.privileges, abi::privilege_needed(helper->id)))
    return step.finds(Code::helper_unprivileged, {helper->id}, helper->name);
  if ((helper->effects & abi::gpl_only) != 0 && !is_gpl(program.license))
    return step.finds(Code::helper_gpl_only, {helper->id}, helper->name);
  if ((helper->effects & abi::may_sleep) != 0 && !program.sleepable)
    return step.finds(Code::helper_sleeps, {helper->id}, helper->name);
  return {};
}

void release(Walk& walk, std::uint32_t ref) {
  std::erase_if(walk.state.references, [&](const Reference& reference) { return reference.id == ref; });
  walk.state.change_all([&](const Register& reg) { return reg.reference() == ref; },
                        [&](Register& reg) { invalidate(walk, reg); });
}

bool is_held(const State& state, const Reference& reference) {
  const auto holds = [&](const Register& reg) { return reg.reference() == reference.id; };
  return std::any_of(state.frames.begin(), state.frames.end(), [&](const Cow<Frame>& frame) {
    bool held = std::any_of(frame->regs.begin(), frame->regs.end(), holds);
    for_each_slot(frame->spills, [&](unsigned i) { held = held || holds(frame->stack[i].spilled); });
    return held;
  });
}

/// More are held than there are places to point to them from; the oldest of those that nothing points to.
Objection too_many_references(const State& state, const Step& step) {
  const auto lost = std::find_if(state.references.begin(), state.references.end(),
                                 [&](const Reference& reference) { return !is_held(state, reference); });
  return step.finds(Code::reference_leak, {lost->pc}, "another call, and nothing points to it");
}

std::uint32_t acquire(Walk& walk, const Step& step) {
  const std::uint32_t id = walk.new_id();
  const bool in_callback = walk.state.top().callback.helper != 0;
  walk.state.references.push_back({id, step.pc, in_callback ? walk.state.depth() : 0});
  return id;
}

/// An array always has a value under a key that is in range.
bool finds_value(const Walk& walk, const CallState& call) {
  if (!call.constant_key || static_cast<HelperId>(call.helper.id) != HelperId::map_lookup_elem) return false;
  const MapSpec& spec = *walk.map_of(*call.map).spec;
  const abi::MapTypeSpec* type = abi::find_map_type(spec.type);
  return type != nullptr && type->never_null && *call.constant_key < spec.max_entries;
}

Register value_of(Walk& walk, const CallState& call, bool or_null) {
  Register reg = Register::pointer(RegKind::map_value, call.map->target);
  if (finds_value(walk, call)) {
    walk.values.mark_precise(call.key_node);
  } else if (or_null) {
    reg.flags = reg_flag::maybe_null;
    reg.id = walk.new_id();
  }
  return reg;
}

Objection result_of(Walk& walk, const Step& step, const CallState& call, Register& r0) {
  const auto or_null = [&](RegKind kind, std::uint16_t flags = 0) {
    Register reg = Register::pointer(kind, 0, static_cast<std::uint16_t>(flags | reg_flag::maybe_null));
    reg.id = walk.new_id();
    return reg;
  };
  switch (call.helper.ret) {
    case Ret::scalar:
      r0 = Register::unknown();
      if ((call.helper.effects & abi::returns_cpu) != 0) r0.set_num(Scalar::between(0, kMaxCpus - 1));
      if ((call.helper.effects & abi::returns_length) != 0)
        r0.set_num(Scalar::between_signed(-kMaxErrno, static_cast<std::int64_t>(call.longest)));
      return {};
    case Ret::nothing:
      r0 = {};
      return {};
    case Ret::map_value:
      r0 = value_of(walk, call, false);
      return {};
    case Ret::map_value_or_null:
      r0 = value_of(walk, call, true);
      return {};
    case Ret::record_or_null:
      if (call.alloc_bytes > std::numeric_limits<std::uint32_t>::max())
        return step.finds(Code::argument_size_unbounded);
      r0 = or_null(RegKind::memory, reg_flag::record);
      r0.size = static_cast<std::uint32_t>(call.alloc_bytes);
      return {};
    case Ret::sock_common_or_null:
      r0 = or_null(RegKind::sock_common);
      return {};
    case Ret::socket_or_null:
      r0 = or_null(RegKind::sock);
      return {};
    case Ret::tcp_sock_or_null:
      r0 = or_null(RegKind::tcp_sock);
      return {};
    case Ret::btf:
    case Ret::btf_or_null: {
      const bool nullable = call.helper.ret == Ret::btf_or_null;
      const bool trusted = (call.helper.effects & abi::trusted) != 0;
      r0 = nullable ? or_null(RegKind::btf_object) : Register::pointer(RegKind::btf_object);
      r0.target = walk.kernel_type(call.helper.ret_type);
      if (trusted) r0.flags = static_cast<std::uint16_t>(r0.flags | reg_flag::trusted);
      if (r0.target == 0) return step.finds(Code::unsupported_result, {call.helper.id}, call.helper.name);
      return {};
    }
    case Ret::dynptr_mem_or_null:
    case Ret::this_cpu:
    case Ret::this_cpu_or_null:
    case Ret::kptr_or_null:
      return step.finds(Code::unsupported_result, {call.helper.id}, call.helper.name);
  }
  return {};
}

bool gives_reference(const Walk& walk, const CallState& call) {
  if ((call.helper.effects & abi::acquires) != 0) return true;
  return (call.helper.effects & abi::acquires_sockets) != 0 && call.map &&
         walk.lookup_yields(*call.map) == abi::LookupYields::socket;
}

}  // namespace

void forget_packet(Walk& walk) {
  walk.state.change_all([](const Register& reg) { return reg.is_packet_any(); },
                        [&](Register& reg) { invalidate(walk, reg); });
}

void forget_caller_saved(State& state) {
  Frame& frame = state.change_top();
  for (unsigned i = 0; i <= 5; ++i) frame.regs[i] = {};
}

Objection transfer_helper_call(Walk& walk, const Step& step) {
  const auto id = static_cast<std::uint32_t>(step.insn.imm);
  const program::Program& program = *walk.input.program;
  const abi::Helper* named = abi::find_helper(id);
  const abi::Helper* helper =
      abi::find_helper(id, program.type, static_cast<abi::AttachType>(program.expected_attach_type));
  if (const program::Poison* poison = program.poison_at(step.pc); poison != nullptr)
    return step.finds(Code::relocation_missing, {}, poison->what);
  if (auto bad = may_call(walk, step, named, helper)) return bad;
  walk.state.pc = step.pc + 1;

  CallState call{*helper};
  if (auto bad = check_arguments(walk, step, call)) return bad;
  if (static_cast<HelperId>(helper->id) == HelperId::get_local_storage && !walk.state.reg(2).is_zero())
    return step.finds(Code::argument_not_zero, {2}, helper->name);
  if (call.released_ref != 0) {
    const auto& held = walk.state.references;
    const auto reference =
        std::find_if(held.begin(), held.end(), [&](const Reference& ref) { return ref.id == call.released_ref; });
    if (reference == held.end()) return step.finds(Code::reference_not_held, {call.released_number}, helper->name);
    if (walk.state.top().callback.helper != 0 && reference->callback != walk.state.depth())
      return step.finds(Code::reference_of_caller, {call.released_number}, helper->name);
    release(walk, call.released_ref);
  }
  if ((helper->effects & abi::tail_calls) != 0) {
    if (!walk.state.references.empty())
      return step.finds(Code::reference_leak, {walk.state.references.front().pc}, "tail call");
    if (auto bad = note_tail_call(walk, step, call.map->target)) return bad;
  }
  if ((helper->effects & abi::calls_back) != 0) {
    if (auto bad = call_back(walk, step, call)) return bad;
  }
  Register r0;
  if (auto bad = result_of(walk, step, call, r0)) return bad;
  if (gives_reference(walk, call)) {
    if (walk.state.references.size() == kMostReferences) return too_many_references(walk.state, step);
    r0.ref = acquire(walk, step);
    r0.id = r0.ref;
  } else if ((helper->effects & abi::keeps_reference) != 0) {
    r0.ref = call.shared_ref;
  }
  forget_caller_saved(walk.state);
  walk.state.change_reg(0) = r0;
  if ((helper->effects & abi::changes_packet) != 0) forget_packet(walk);
  return {};
}

}  // namespace skep::verifier
