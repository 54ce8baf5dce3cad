// Finding targets by name, and reading their arguments by Linux' rules (btf_ctx_access).
#include "verifier/cfg/target.hpp"

#include <algorithm>
#include <string>

#include "abi/prog_types.hpp"
#include "verifier/license.hpp"
#include "verifier/state/register.hpp"

namespace skep::verifier {
namespace {

using abi::AttachType;
using btf::Btf;
using btf::Kind;
using btf::TypeId;

constexpr std::uint32_t kMaxArgs = 12;
constexpr std::uint32_t kSlot = 8;

AttachType attach_type_of(const program::Program& program) {
  return static_cast<AttachType>(program.expected_attach_type);
}

/// Functions that tracing would call again before it has begun.
constexpr std::string_view kNeverTraced[] = {"migrate_disable",   "migrate_enable",    "rcu_read_unlock_strict",
                                             "preempt_count_add", "preempt_count_sub", "__rcu_read_lock",
                                             "__rcu_read_unlock"};
/// Functions that do not return.
constexpr std::string_view kNeverReturn[] = {"__ia32_sys_exit",
                                             "__ia32_sys_exit_group",
                                             "__kunit_abort",
                                             "kunit_try_catch_throw",
                                             "__module_put_and_kthread_exit",
                                             "__x64_sys_exit",
                                             "__x64_sys_exit_group",
                                             "do_exit",
                                             "do_group_exit",
                                             "kthread_complete_and_exit",
                                             "kthread_exit",
                                             "make_task_dead"};

template <std::size_t N>
bool is_among(const std::string_view (&names)[N], std::string_view name) {
  return std::find(std::begin(names), std::end(names), name) != std::end(names);
}

TypeId prototype_of(const Btf& types, TypeId function) {
  const auto type = types.type(function);
  return type.kind == Kind::func && types.kind(type.ref) == Kind::func_proto ? type.ref : 0;
}

/// A tracepoint's typedef names its prototype, the function of the same template names the parameters as well.
TypeId tracepoint_prototype(const Btf& types, const std::string& name) {
  const TypeId alias = types.find(Kind::typedef_, "btf_trace_" + name);
  if (alias == 0) return 0;
  const TypeId named = prototype_of(types, types.find(Kind::func, "__bpf_trace_" + name));
  if (named != 0) return named;
  const auto pointer = types.type(types.type(alias).ref);
  return pointer.kind == Kind::ptr && types.kind(pointer.ref) == Kind::func_proto ? pointer.ref : 0;
}

/// What the sleepable and those that change results may attach to is decided by lists inside the kernel (functions
/// marked for error injection) that BTF does not have; of system calls and security functions it is known.
bool is_listed(const program::Program& program, AttachType attach) {
  const std::string_view name = program.attach_target;
  if (attach == AttachType::modify_return && name.starts_with("security_")) return !program.sleepable;
  return name.starts_with("__x64_sys_");
}

Objection check_hook(const program::Program& program, const Target& target) {
  if (!is_gpl(program.license)) return Finding{Code::target_gpl_only, 0, {}, program.attach_target};
  const std::uint8_t flags = target.hook == nullptr ? 0 : target.hook->flags;
  if ((flags & abi::hook_disabled) != 0) return Finding{Code::target_refused, 0, {}, program.attach_target};
  if (program.sleepable && (flags & abi::hook_sleepable) == 0)
    return Finding{Code::target_not_sleepable, 0, {}, program.attach_target};
  return {};
}

Objection check_function(const program::Program& program) {
  const AttachType attach = attach_type_of(program);
  const std::string_view name = program.attach_target;
  const bool after = attach == AttachType::trace_fexit || attach == AttachType::modify_return;
  if (is_among(kNeverTraced, name) || (after && is_among(kNeverReturn, name)))
    return Finding{Code::target_refused, 0, {}, name};
  if ((program.sleepable || attach == AttachType::modify_return) && !is_listed(program, attach))
    return Finding{Code::unsupported_target_marks, 0, {}, name};
  return {};
}

/// Which function, hook or tracepoint is meant; `proto` stays 0 when the kernel's BTF has none of that name.
Target resolve(const program::Program& program, const Btf& types) {
  Target target;
  target.types = &types;
  const std::string& name = program.attach_target;
  const AttachType attach = attach_type_of(program);
  if (program.type == ProgType::lsm) {
    target.kind = Target::Kind::hook;
    target.hook = abi::find_lsm_hook(name);
    target.trusted = target.hook == nullptr || (target.hook->flags & abi::hook_untrusted) == 0;
    target.proto = prototype_of(types, types.find(Kind::func, "bpf_lsm_" + name));
    target.returns = attach == AttachType::lsm_mac || attach == AttachType::lsm_cgroup;
  } else if (attach == AttachType::trace_raw_tp) {
    target.kind = Target::Kind::tracepoint;
    target.tracepoint = abi::find_tracepoint_args(name);
    target.trusted = true;
    target.proto = tracepoint_prototype(types, name);
    target.skipped = 1;
  } else if (attach == AttachType::trace_iter) {
    target.kind = Target::Kind::iterator;
    target.iterator = abi::find_iter_target(name);
    target.trusted = true;
    target.proto = prototype_of(types, types.find(Kind::func, "bpf_iter_" + name));
  } else {
    target.proto = prototype_of(types, types.find(Kind::func, name));
    target.returns = attach == AttachType::trace_fexit || attach == AttachType::modify_return;
  }
  return target;
}

std::uint32_t slot_bytes(const Btf& types, TypeId id) {
  const auto type = types.type(types.strip(id));
  if (type.kind == Kind::ptr) return kSlot;
  return (type.size + kSlot - 1) / kSlot * kSlot;
}

/// The parameter that an offset falls into; one past the last is the result. Slots are as wide as the parameters they
/// are counted by, and Linux counts from the first also where it then steps over some.
std::optional<std::uint32_t> parameter_at(const Target& target, std::uint32_t offset) {
  const auto proto = target.types->type(target.proto);
  const auto parameters = target.types->parameters(proto);
  std::uint32_t end = 0;
  for (std::uint32_t i = 0; i < parameters.size(); ++i) {
    end += slot_bytes(*target.types, parameters[i].type);
    if (offset < end) return i + target.skipped;
  }
  end += slot_bytes(*target.types, proto.ref);
  if (offset < end) return static_cast<std::uint32_t>(parameters.size()) + target.skipped;
  return {};
}

bool is_scalar(const btf::Type& type) {
  const bool small = type.kind == Kind::int_ && type.size <= 8 && (type.size & (type.size - 1)) == 0;
  return small || type.kind == Kind::enum_ || type.kind == Kind::enum64 || type.kind == Kind::struct_;
}

/// What an iterator's list says of an argument; nothing where the rules hold.
std::optional<Argument> iterator_argument(const Target& target, std::uint32_t number, TypeId type) {
  if (target.iterator == nullptr || number >= abi::IterTarget::kMaxArgs) return {};
  constexpr auto kOrNull = reg_flag::maybe_null;
  switch (target.iterator->args[number]) {
    case abi::IterArg::none:
      return {};
    case abi::IterArg::trusted:
      return Argument{Argument::Kind::object, reg_flag::trusted, type};
    case abi::IterArg::trusted_or_null:
      return Argument{Argument::Kind::object, reg_flag::trusted | kOrNull, type};
    case abi::IterArg::plain_or_null:
      return Argument{Argument::Kind::object, kOrNull, type};
    case abi::IterArg::buffer_or_null:
      return Argument{Argument::Kind::buffer, kOrNull, 0};
    case abi::IterArg::rdonly_buffer_or_null:
      return Argument{Argument::Kind::buffer, kOrNull | reg_flag::read_only, 0};
  }
  return {};
}

Argument pointer_argument(const Target& target, std::uint32_t number, TypeId pointee, std::string_view name) {
  const Btf& types = *target.types;
  const TypeId type = types.strip(pointee);
  const auto listed = iterator_argument(target, number, type);
  if (listed && listed->kind == Argument::Kind::buffer) return *listed;
  const Kind kind = types.kind(type);
  if (pointee == 0 || kind == Kind::int_) return {Argument::Kind::number, 0, 0};
  if (kind != Kind::struct_ && kind != Kind::union_) return {};
  if (listed) return *listed;
  Argument argument{Argument::Kind::object, target.trusted ? reg_flag::trusted : std::uint16_t{0}, type};
  const std::uint32_t bit = number < kMaxArgs ? 1u << number : 0;
  if (name.ends_with("__nullable")) argument.flags |= reg_flag::maybe_null;
  if (target.tracepoint != nullptr && (target.tracepoint->nullable & bit) != 0) argument.flags |= reg_flag::maybe_null;
  if (target.tracepoint != nullptr && (target.tracepoint->errors & bit) != 0) return {Argument::Kind::number, 0, 0};
  const auto tag = types.type(pointee);
  if (tag.kind == Kind::type_tag && tag.name == "user") argument.flags |= reg_flag::user;
  if (tag.kind == Kind::type_tag && tag.name == "percpu") argument.flags |= reg_flag::percpu;
  return argument;
}

}  // namespace

Objection find_target(const Input& input, std::optional<Target>& target) {
  const program::Program& program = *input.program;
  const abi::ProgTypeSpec* spec = abi::find_prog_type(program.type);
  const bool typed = program.type == ProgType::tracing || program.type == ProgType::lsm;
  if (spec == nullptr || spec->context != abi::ContextForm::btf_arguments || !typed) return {};
  const auto unknown = Finding{Code::unsupported_target, 0, {}, program.attach_target};
  if (input.kernel_types == nullptr || program.attach_target.empty())
    return Finding{Code::unsupported_context, 0, {}, skep::name_of(program.type)};
  const Target found = resolve(program, *input.kernel_types);
  if (found.proto == 0) return unknown;
  const bool may_sleep = abi::sleepable(program.type, attach_type_of(program)) != abi::Sleepable::never;
  if (program.sleepable && !may_sleep) return Finding{Code::target_not_sleepable, 0, {}, program.attach_target};
  target = found;
  if (found.kind == Target::Kind::hook) return check_hook(program, found);
  if (found.kind == Target::Kind::function) return check_function(program);
  return {};
}

Argument argument_at(const Target& target, std::uint32_t offset, std::uint32_t bytes) {
  if (offset % kSlot != 0 || offset >= kSlot * kMaxArgs) return {};
  const auto index = parameter_at(target, offset);
  if (!index) return {};
  const Btf& types = *target.types;
  const auto proto = types.type(target.proto);
  const auto parameters = types.parameters(proto);
  const bool result = *index == parameters.size();
  if (*index > parameters.size() || (result && !target.returns)) return {};
  const TypeId id = result ? proto.ref : parameters[*index].type;
  const auto type = types.type(types.strip(id));
  if (is_scalar(type)) return {result ? Argument::Kind::result : Argument::Kind::number, 0, 0};
  if (type.kind != Kind::ptr || bytes != kSlot) return {};
  return pointer_argument(target, *index - target.skipped, type.ref, result ? "" : parameters[*index].name);
}

}  // namespace skep::verifier
