// Kernel objects by their BTF: arguments of typed programs, what a load through such a pointer yields and how far that
// may be trusted, and buffers whose size only attachment tells.
#include <string>
#include <utility>

#include "verifier/access/access.hpp"
#include "verifier/access/struct_walk.hpp"
#include "verifier/license.hpp"

namespace skep::verifier {
namespace {

using btf::TypeId;

constexpr std::int64_t kMaxErrno = 4095;

void set(std::uint16_t& flags, std::uint16_t flag) { flags = static_cast<std::uint16_t>(flags | flag); }
void clear(std::uint16_t& flags, std::uint16_t flag) { flags = static_cast<std::uint16_t>(flags & ~flag); }

/// Nothing frees what the pointer points to while the program runs.
bool is_trusted(const Register& reg) {
  constexpr std::uint16_t kUnsafe =
      reg_flag::maybe_null | reg_flag::untrusted | reg_flag::percpu | reg_flag::user | reg_flag::rcu;
  return reg.ref != 0 || (reg.has(reg_flag::trusted) && (reg.flags & kUnsafe) == 0);
}

/// The kernel lists the members that can be trusted like what they are members of in structs of its own, named after
/// the real one.
bool is_listed(const btf::Btf& types, TypeId structure, const FieldAt& field, std::string_view list) {
  const auto type = types.type(structure);
  const TypeId safe = types.find(type.kind, std::string(type.name) + std::string(list));
  if (type.name.empty() || safe == 0) return false;
  for (const auto& member : types.members(types.type(safe))) {
    const auto pointer = types.type(member.type);
    if (pointer.kind == btf::Kind::ptr && types.strip(pointer.ref) == field.type && member.name == field.name)
      return true;
  }
  return false;
}

/// How far a pointer is to be trusted that was loaded through a trusted one, or one under RCU.
std::uint16_t inherited(const Walk& walk, const Register& reg, const FieldAt& field, std::uint16_t flags) {
  const btf::Btf& types = *walk.input.kernel_types;
  const auto listed = [&](std::string_view list) { return is_listed(types, reg.target, field, list); };
  if (listed("__safe_trusted")) {
    set(flags, reg_flag::trusted);
  } else if (listed("__safe_trusted_or_null")) {
    set(flags, reg_flag::trusted | reg_flag::maybe_null);
  } else if (walk.input.program->sleepable) {
    flags = reg_flag::untrusted;
  } else if (listed("__safe_rcu")) {
    set(flags, reg_flag::rcu);
  } else if (const bool safe = listed("__safe_rcu_or_null"); safe || (flags & reg_flag::rcu) != 0) {
    set(flags, reg_flag::rcu | reg_flag::maybe_null);
    if (safe) clear(flags, reg_flag::untrusted);
  } else if ((flags & (reg_flag::percpu | reg_flag::user)) == 0) {
    clear(flags, reg_flag::trusted | reg_flag::rcu);
  }
  return flags;
}

/// What the types alone say of a pointer.
std::uint16_t marks_of(const FieldAt& field) {
  std::uint16_t flags = field.in_union ? reg_flag::untrusted : std::uint16_t{0};
  switch (field.tag) {
    case FieldAt::Tag::none:
      break;
    case FieldAt::Tag::user:
      set(flags, reg_flag::user);
      break;
    case FieldAt::Tag::percpu:
      set(flags, reg_flag::percpu);
      break;
    case FieldAt::Tag::rcu:
      set(flags, reg_flag::rcu);
      break;
  }
  return flags;
}

std::uint16_t flags_of(const Walk& walk, const Register& reg, const FieldAt& field) {
  if (reg.has(reg_flag::untrusted)) return reg_flag::untrusted;
  std::uint16_t flags = marks_of(field);
  if (is_trusted(reg) || reg.has(reg_flag::rcu)) return inherited(walk, reg, field, flags);
  clear(flags, reg_flag::trusted | reg_flag::rcu);
  return flags;
}

Register object(Walk& walk, TypeId type, std::uint16_t flags) {
  Register reg = Register::pointer(RegKind::btf_object, type, flags);
  if (reg.has(reg_flag::maybe_null)) reg.id = walk.new_id();
  return reg;
}

/// The kernel's struct behind each type of map; nothing for types that it does not show.
constexpr std::pair<MapType, std::string_view> kMapStructs[] = {
    {MapType::hash, "bpf_htab"},
    {MapType::array, "bpf_array"},
    {MapType::prog_array, "bpf_array"},
    {MapType::perf_event_array, "bpf_array"},
    {MapType::percpu_hash, "bpf_htab"},
    {MapType::percpu_array, "bpf_array"},
    {MapType::stack_trace, "bpf_stack_map"},
    {MapType::cgroup_array, "bpf_array"},
    {MapType::lru_hash, "bpf_htab"},
    {MapType::lru_percpu_hash, "bpf_htab"},
    {MapType::lpm_trie, "lpm_trie"},
    {MapType::array_of_maps, "bpf_array"},
    {MapType::hash_of_maps, "bpf_htab"},
    {MapType::devmap, "bpf_dtab"},
    {MapType::sockmap, "bpf_stab"},
    {MapType::cpumap, "bpf_cpu_map"},
    {MapType::xskmap, "xsk_map"},
    {MapType::sockhash, "bpf_shtab"},
    {MapType::queue, "bpf_queue_stack"},
    {MapType::stack, "bpf_queue_stack"},
    {MapType::devmap_hash, "bpf_dtab"},
    {MapType::ringbuf, "bpf_ringbuf_map"},
};

TypeId map_struct(const btf::Btf& types, MapType type) {
  for (const auto& [map, name] : kMapStructs)
    if (map == type) return types.find(btf::Kind::struct_, name);
  return 0;
}

Code code_of(FieldAt::Kind kind) {
  switch (kind) {
    case FieldAt::Kind::beyond:
      return Code::object_out_of_bounds;
    case FieldAt::Kind::part:
      return Code::object_pointer_part;
    case FieldAt::Kind::missing:
    case FieldAt::Kind::number:
    case FieldAt::Kind::pointer:
      break;
  }
  return Code::object_no_field;
}

bool is_readable(const FieldAt& field) {
  return field.kind == FieldAt::Kind::number || field.kind == FieldAt::Kind::pointer;
}

/// The field that a read finds, or why it may not be read.
Objection find_field(const Walk& walk, const Step& step, const Register& reg, const Range& range, FieldAt& field) {
  if (walk.input.kernel_types == nullptr || reg.target == 0)
    return step.finds(Code::unsupported_pointer, {range.number}, name_of(reg.kind));
  const btf::Btf& types = *walk.input.kernel_types;
  const auto type = types.type(reg.target);
  const std::int64_t off = std::int64_t{reg.off} + range.off;
  const auto finds = [&](Code code) {
    return step.finds(code, {range.number, off, range.bytes, type.size}, type.name);
  };
  if (!walk.may_leak()) return finds(Code::object_unprivileged);
  if (!is_gpl(walk.input.program->license)) return finds(Code::object_gpl_only);
  if (off < 0) return finds(Code::object_out_of_bounds);
  if (!reg.is_fixed() || reg.fixed() != 0) return finds(Code::object_offset_variable);
  if (reg.has(reg_flag::user)) return finds(Code::object_user);
  if (reg.has(reg_flag::percpu)) return finds(Code::object_percpu);
  field = field_at(types, reg.target, static_cast<std::uint32_t>(off), range.bytes);
  return is_readable(field) ? Objection{} : finds(code_of(field.kind));
}

}  // namespace

Objection access_object(Walk& walk, const Step& step, const Register& reg, const Access& access) {
  if (access.touch == Touch::write) {
    const bool known = walk.input.kernel_types != nullptr && reg.target != 0;
    const std::string_view name = known ? walk.input.kernel_types->type(reg.target).name : name_of(reg.kind);
    return step.finds(Code::object_write, {access.range.number}, name);
  }
  FieldAt field;
  if (auto bad = find_field(walk, step, reg, access.range, field)) return bad;
  if (access.loaded == nullptr) return {};
  *access.loaded =
      field.kind == FieldAt::Kind::pointer ? object(walk, field.type, flags_of(walk, reg, field)) : Register::unknown();
  return {};
}

Objection access_map(Walk& walk, const Step& step, const Register& reg, const Access& access) {
  const Range& range = access.range;
  const TypeId id =
      walk.input.kernel_types == nullptr ? 0 : map_struct(*walk.input.kernel_types, walk.map_of(reg).spec->type);
  if (access.touch == Touch::write) return step.finds(Code::object_write, {range.number}, name_of(reg.kind));
  if (id == 0) return step.finds(Code::unsupported_pointer, {range.number}, name_of(reg.kind));
  const btf::Btf& types = *walk.input.kernel_types;
  const auto type = types.type(id);
  const std::int64_t off = std::int64_t{reg.off} + range.off;
  const auto finds = [&](Code code) {
    return step.finds(code, {range.number, off, range.bytes, type.size}, type.name);
  };
  if (!walk.may_leak()) return finds(Code::object_unprivileged);
  if (off < 0) return finds(Code::object_out_of_bounds);
  const FieldAt field = field_at(types, id, static_cast<std::uint32_t>(off), range.bytes);
  if (!is_readable(field)) return finds(code_of(field.kind));
  if (access.loaded == nullptr) return {};
  *access.loaded =
      field.kind == FieldAt::Kind::pointer ? object(walk, field.type, marks_of(field)) : Register::unknown();
  return {};
}

Objection check_object_memory(const Walk& walk, const Step& step, const Register& reg, const Range& range) {
  FieldAt field;
  return find_field(walk, step, reg, range, field);
}

Objection access_buffer(const Step& step, const Register& reg, const Access& access) {
  const Range& range = access.range;
  if (access.touch == Touch::write && reg.has(reg_flag::read_only))
    return step.finds(Code::write_read_only, {range.number}, name_of(reg.kind));
  if (auto bad = check_buffer(step, reg, range)) return bad;
  if (access.loaded != nullptr) *access.loaded = Register::unknown();
  return {};
}

Objection check_buffer(const Step& step, const Register& reg, const Range& range) {
  const std::int64_t off = std::int64_t{reg.off} + range.off;
  if (off < 0) return step.finds(Code::access_index_negative, {range.number, off}, name_of(reg.kind));
  if (!reg.is_fixed() || reg.fixed() != 0)
    return step.finds(Code::object_offset_variable, {range.number}, name_of(reg.kind));
  return {};
}

Objection access_argument(Walk& walk, const Step& step, const Access& access) {
  const Range& range = access.range;
  const program::Program& program = *walk.input.program;
  const bool writes = access.touch == Touch::write;
  const auto refused =
      step.finds(Code::context_access, {range.off, range.bytes, writes ? 1 : 0}, program.attach_target);
  if (writes || range.off < 0 || range.off % static_cast<std::int32_t>(range.bytes) != 0) return refused;
  const Argument argument = argument_at(*walk.target, static_cast<std::uint32_t>(range.off), range.bytes);
  if (argument.kind == Argument::Kind::refused) return refused;
  if (access.loaded == nullptr) return {};
  Register& loaded = *access.loaded;
  switch (argument.kind) {
    case Argument::Kind::refused:
    case Argument::Kind::number:
      loaded = Register::unknown();
      break;
    case Argument::Kind::result:
      loaded = Register::unknown();
      if (static_cast<abi::AttachType>(program.expected_attach_type) == abi::AttachType::lsm_mac)
        loaded.set_num(walk.target->is_bool_hook() ? Scalar::between(0, 1) : Scalar::between_signed(-kMaxErrno, 0));
      break;
    case Argument::Kind::object:
      loaded = object(walk, argument.type, argument.flags);
      break;
    case Argument::Kind::buffer:
      loaded = Register::pointer(RegKind::buffer, 0, argument.flags);
      loaded.id = walk.new_id();
      break;
  }
  return {};
}

}  // namespace skep::verifier
