// The context and what it leads to: which fields a program may touch, and what loading one yields.
#include "abi/context_fields.hpp"
#include "verifier/access/access.hpp"

namespace skep::verifier {
namespace {

using abi::kFlowKeysBytes;

Register loaded_from(Walk& walk, const abi::ContextField& field) {
  const auto or_null = [&](RegKind kind) {
    Register reg = Register::pointer(kind, 0, reg_flag::maybe_null);
    reg.id = walk.new_id();
    return reg;
  };
  switch (field.kind) {
    case abi::FieldKind::scalar:
      return Register::unknown();
    case abi::FieldKind::packet:
      return Register::pointer(RegKind::packet);
    case abi::FieldKind::packet_end:
      return Register::pointer(RegKind::packet_end);
    case abi::FieldKind::packet_meta:
      return Register::pointer(RegKind::packet_meta);
    case abi::FieldKind::flow_keys:
      return Register::pointer(RegKind::flow_keys);
    case abi::FieldKind::socket:
      return Register::pointer(RegKind::sock);
    case abi::FieldKind::socket_or_null:
      return or_null(RegKind::sock);
    case abi::FieldKind::sock_common_or_null:
      return or_null(RegKind::sock_common);
    case abi::FieldKind::tp_buffer:
      return Register::pointer(RegKind::tp_buffer);
    case abi::FieldKind::btf:
      return Register::pointer(RegKind::btf_object, walk.kernel_type(field.type), reg_flag::trusted);
  }
  return Register::unknown();
}

/// The structure behind a pointer that is no context; null for kinds without one.
const abi::ContextLayout* layout_behind(RegKind kind) {
  if (kind == RegKind::sock) return &abi::kSocketPointee;
  if (kind == RegKind::sock_common) return &abi::kSockCommonPointee;
  if (kind == RegKind::tcp_sock) return &abi::kTcpSockPointee;
  if (kind == RegKind::xdp_sock) return &abi::kXdpSockPointee;
  return nullptr;
}

Objection access_socket(const Step& step, const Register& reg, const Access& access) {
  const Range& range = access.range;
  if (access.touch == Touch::write) return step.finds(Code::write_read_only, {range.number}, name_of(reg.kind));
  if (reg.num().smin < 0)
    return step.finds(Code::access_index_negative, {range.number, reg.num().smin}, name_of(reg.kind));
  const abi::ContextLayout& layout = *layout_behind(reg.kind);
  const std::int64_t off = std::int64_t{reg.off} + range.off;
  const bool fits = off >= 0 && reg.is_fixed() && reg.fixed() == 0 &&
                    abi::find_context_access(layout, ProgType::unspec, {}, static_cast<std::uint32_t>(off), range.bytes,
                                             abi::ContextAccess::load) != nullptr;
  if (!fits) return step.finds(Code::context_access, {off, range.bytes, 0}, layout.name);
  if (access.loaded != nullptr) *access.loaded = Register::unknown();
  return {};
}

Objection access_flow_keys(Walk& walk, const Step& step, const Register& reg, const Access& access) {
  const Range& range = access.range;
  if (access.touch == Touch::write && access.stored != nullptr && walk.hides(*access.stored))
    return step.finds(Code::pointer_leak, {access.stored_number}, "flow keys");
  const std::int64_t off = std::int64_t{reg.off} + range.off;
  if (off < 0 || static_cast<std::uint64_t>(off) + range.bytes > kFlowKeysBytes)
    return step.finds(Code::access_out_of_bounds, {range.number, off, range.bytes, kFlowKeysBytes}, name_of(reg.kind));
  if (access.loaded != nullptr) *access.loaded = Register::unknown();
  return {};
}

/// What a system call program is handed is plain memory of a size that only the call tells: any offset will do that
/// cannot be negative or beyond what a call can hand over.
Objection access_syscall(const Step& step, const Register& reg, const Access& access) {
  if (auto bad = check_region(step, reg, access.range, abi::kSyscall.bytes)) return bad;
  if (access.loaded != nullptr) *access.loaded = Register::unknown();
  return {};
}

}  // namespace

Objection access_context(Walk& walk, const Step& step, const Register& reg, const Access& access) {
  const Range& range = access.range;
  if (reg.kind == RegKind::flow_keys) return access_flow_keys(walk, step, reg, access);
  if (reg.kind != RegKind::ctx) return access_socket(step, reg, access);
  const program::Program& program = *walk.input.program;
  const bool writes = access.touch == Touch::write;
  if (writes && access.stored != nullptr && walk.hides(*access.stored))
    return step.finds(Code::pointer_leak, {access.stored_number}, "context");
  if (program.type == ProgType::syscall) return access_syscall(step, reg, access);
  if (reg.off != 0) return step.finds(Code::context_pointer_moved, {range.number, reg.off});
  if (!reg.is_fixed() || reg.fixed() != 0) return step.finds(Code::context_pointer_variable, {range.number});
  if (walk.target != nullptr) return access_argument(walk, step, access);
  const abi::ContextLayout* layout = abi::context_of(program.type);
  if (layout == nullptr) return step.finds(Code::unsupported_context, {range.off}, skep::name_of(program.type));
  const auto how = writes                                                ? abi::ContextAccess::store
                   : step.info.operation == isa::Operation::load_signed_ ? abi::ContextAccess::sign_extending_load
                                                                         : abi::ContextAccess::load;
  const abi::ContextField* field =
      range.off < 0
          ? nullptr
          : abi::find_context_access(*layout, program.type, static_cast<abi::AttachType>(program.expected_attach_type),
                                     static_cast<std::uint32_t>(range.off), range.bytes, how);
  if (field == nullptr || !holds(walk.input.options.privileges, writes ? field->write_needs : field->read_needs))
    return step.finds(Code::context_access, {range.off, range.bytes, writes ? 1 : 0}, layout->name);
  if (access.loaded != nullptr) *access.loaded = loaded_from(walk, *field);
  return {};
}

}  // namespace skep::verifier
