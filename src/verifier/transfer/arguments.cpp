// Arguments of helpers: each kind of argument takes certain kinds of register, and memory of a certain extent.
#include <algorithm>
#include <cstring>

#include "abi/map_types.hpp"
#include "verifier/access/access.hpp"
#include "verifier/access/struct_walk.hpp"
#include "verifier/transfer/call_state.hpp"

namespace skep::verifier {
namespace {

using abi::Arg;

constexpr std::uint64_t kMaxSize = std::uint64_t{1} << 29;

/// Which registers a kind of argument takes, but for numbers; bits of 1 << RegKind.
constexpr std::uint32_t bit(RegKind kind) { return 1u << static_cast<unsigned>(kind); }
constexpr std::uint32_t kMemoryKinds = bit(RegKind::stack) | bit(RegKind::packet) | bit(RegKind::packet_meta) |
                                       bit(RegKind::map_key) | bit(RegKind::map_value) | bit(RegKind::memory) |
                                       bit(RegKind::buffer);
constexpr std::uint32_t kSocketKinds =
    bit(RegKind::sock_common) | bit(RegKind::sock) | bit(RegKind::tcp_sock) | bit(RegKind::xdp_sock);

/// What an argument wants of the register, apart from how long the memory is.
struct Wanted {
  std::uint32_t kinds = 0;
  bool or_null = false;
  bool writes = false;
  bool fills = false;  ///< what is there before does not matter
};

Wanted wanted(Arg arg) {
  switch (arg) {
    case Arg::ctx:
      return {bit(RegKind::ctx)};
    case Arg::ctx_or_null:
      return {bit(RegKind::ctx), true};
    case Arg::map:
      return {bit(RegKind::map)};
    case Arg::map_key:
    case Arg::map_value:
    case Arg::mem_mutable:
    case Arg::fixed_mem:
      return {kMemoryKinds};
    case Arg::map_value_or_null:
      return {kMemoryKinds, true};
    case Arg::mem:
      return {kMemoryKinds | bit(RegKind::btf_object)};
    case Arg::mem_or_null:
      return {kMemoryKinds | bit(RegKind::btf_object), true};
    case Arg::map_value_out:
    case Arg::mem_out:
    case Arg::fixed_out:
      return {kMemoryKinds, false, true, true};
    case Arg::mem_out_or_null:
      return {kMemoryKinds, true, true, true};
    case Arg::mem_inout:
    case Arg::fixed_inout:
      return {kMemoryKinds, false, true, false};
    case Arg::mem_inout_or_null:
      return {kMemoryKinds, true, true, false};
    case Arg::record:
      return {bit(RegKind::memory)};
    case Arg::callback:
      return {bit(RegKind::function)};
    case Arg::callback_ctx:
      return {bit(RegKind::stack), true};
    case Arg::c_string:
      return {bit(RegKind::map_value)};
    case Arg::sock_common:
      return {kSocketKinds};
    case Arg::btf_sock_common:
      return {kSocketKinds | bit(RegKind::btf_object)};
    case Arg::btf_sock_common_or_null:
      return {kSocketKinds | bit(RegKind::btf_object), true};
    case Arg::btf:
      return {bit(RegKind::btf_object)};
    case Arg::btf_or_null:
      return {bit(RegKind::btf_object), true};
    case Arg::socket:
      return {bit(RegKind::sock)};
    case Arg::socket_or_null:
      return {bit(RegKind::sock), true};
    case Arg::none:
    case Arg::anything:
    case Arg::scalar:
    case Arg::size:
    case Arg::size_or_zero:
    case Arg::alloc_size:
    case Arg::spin_lock:
    case Arg::timer:
    case Arg::kptr:
    case Arg::dynptr:
    case Arg::dynptr_out:
    case Arg::object_or_null:
    case Arg::percpu_btf:
    case Arg::other:
      return {};
  }
  return {};
}

bool is_later(Arg arg) {
  return arg == Arg::spin_lock || arg == Arg::timer || arg == Arg::kptr || arg == Arg::dynptr ||
         arg == Arg::dynptr_out || arg == Arg::object_or_null || arg == Arg::percpu_btf || arg == Arg::other;
}

Objection map_value_argument(const Walk& walk, const Step& step, const Register& where, const Wanted& want,
                             const Range& range, bool zero_allowed) {
  const MapSpec& spec = *walk.map_of(where).spec;
  if (want.writes && (spec.flags & map_flag::rdonly_prog) != 0)
    return step.finds(Code::write_read_only_map, {range.number}, spec.name);
  if (!want.writes && (spec.flags & map_flag::wronly_prog) != 0)
    return step.finds(Code::read_write_only_map, {range.number}, spec.name);
  if (auto bad = check_region(step, where, range, spec.value_size, zero_allowed)) return bad;
  return check_kernel_fields(walk, step, where, range);
}

/// Bytes behind a register that a helper or a function reads, fills or changes.
Objection memory_argument(Walk& walk, const Step& step, const Range& range, const Wanted& want, bool zero_allowed,
                          std::string_view callee) {
  const Register where = walk.state.reg(range.number);
  const auto wrong_kind = [&] { return step.finds(Code::argument_kind, {range.number}, name_of(where.kind)); };
  if (where.is_zero()) return zero_allowed && range.bytes == 0 ? Objection{} : wrong_kind();
  switch (where.kind) {
    case RegKind::stack:
      return check_stack_argument(walk, step, where, range, want.fills, want.writes);
    case RegKind::packet:
    case RegKind::packet_meta:
      if (want.writes && !may_touch_packet(walk, Touch::write))
        return step.finds(Code::argument_packet, {range.number}, callee);
      return check_packet(step, where, range, zero_allowed);
    case RegKind::map_key:
      if (want.writes) return step.finds(Code::write_map_key, {range.number});
      return check_region(step, where, range, walk.map_of(where).spec->key_size, zero_allowed);
    case RegKind::map_value:
      return map_value_argument(walk, step, where, want, range, zero_allowed);
    case RegKind::memory:
      if (want.writes && where.has(reg_flag::read_only))
        return step.finds(Code::write_read_only, {range.number}, name_of(where.kind));
      return check_region(step, where, range, where.size, zero_allowed);
    case RegKind::buffer:
      if (want.writes && where.has(reg_flag::read_only))
        return step.finds(Code::write_read_only, {range.number}, name_of(where.kind));
      return check_buffer(step, where, range);
    case RegKind::btf_object:
      if (where.flags != reg_flag::trusted || want.writes || (want.kinds & bit(RegKind::btf_object)) == 0)
        return wrong_kind();
      return check_object_memory(walk, step, where, range);
    default:  // what is no memory at all
      return wrong_kind();
  }
}

struct WantedObject {
  btf::TypeId type = 0;
  bool exact = false;
  bool under_rcu = true;
};

Objection object_argument(const Walk& walk, const Step& step, unsigned number, const WantedObject& want) {
  const Register& object = walk.state.reg(number);
  const btf::Btf& types = *walk.input.kernel_types;
  const std::string_view name = types.type(object.target).name;
  const auto how = static_cast<std::uint16_t>(object.flags & ~reg_flag::maybe_null);
  if (how != 0 && how != reg_flag::trusted && !(want.under_rcu && how == reg_flag::rcu))
    return step.finds(Code::argument_untrusted, {number}, name);
  const bool fits = want.exact
                        ? object.off == 0 && object.target == want.type
                        : is_or_starts_with(types, object.target, static_cast<std::uint32_t>(object.off), want.type);
  return fits ? Objection{} : step.finds(Code::argument_object, {number}, name);
}

class Checker {
 public:
  Checker(Walk& walk, const Step& step, CallState& call) : walk_(walk), step_(step), call_(call) {}

  Objection run() {
    for (unsigned i = 0; i < call_.helper.args.size(); ++i) {
      arg_ = &call_.helper.args[i];
      number_ = i + 1;
      if (arg_->kind == Arg::none) break;
      if (auto bad = check()) return bad;
    }
    return {};
  }

 private:
  [[nodiscard]] const Register& reg() const { return walk_.state.reg(number_); }
  [[nodiscard]] Finding finds(Code code, std::int64_t a = 0, std::int64_t b = 0) const {
    return step_.finds(code, {number_, a, b}, call_.helper.name);
  }
  [[nodiscard]] Finding wrong_kind() const {
    return step_.finds(Code::argument_kind, {number_, call_.helper.id}, name_of(reg().kind));
  }

  Objection check() {
    if (auto bad = walk_.check_readable(step_, number_)) return bad;
    if (is_later(arg_->kind)) return finds(Code::unsupported_argument);
    switch (arg_->kind) {
      case Arg::anything:
        if (walk_.hides(reg())) return step_.finds(Code::pointer_leak, {number_}, "helper");
        return {};
      case Arg::scalar:
        return reg().is_scalar() ? Objection{} : wrong_kind();
      case Arg::size:
      case Arg::size_or_zero:
        return check_size();
      case Arg::alloc_size:
        if (!reg().is_constant()) return finds(Code::argument_not_constant);
        walk_.need_precise(reg());
        call_.alloc_bytes = reg().fixed();
        return {};
      default:  // the kinds that take a pointer
        return check_pointer();
    }
  }

  /// A socket map's values are sockets.
  [[nodiscard]] bool wants_socket() const {
    return arg_->kind == Arg::map_value && call_.map && walk_.lookup_yields(*call_.map) == abi::LookupYields::socket;
  }

  Objection check_pointer() {
    const Wanted want = wanted(wants_socket() ? Arg::btf_sock_common : arg_->kind);
    if (reg().is_packet() && !(may_touch_packet(walk_, Touch::read) && (call_.helper.effects & abi::reads_packet) != 0))
      return finds(Code::argument_packet);
    if (want.or_null && reg().is_zero()) return {};
    if ((want.kinds & bit(reg().kind)) == 0) return wrong_kind();
    if (reg().has(reg_flag::maybe_null) && !want.or_null)
      return step_.finds(Code::argument_or_null, {number_, call_.helper.id}, name_of(reg().kind));
    if (auto bad = check_offset()) return bad;
    if (auto bad = check_reference()) return bad;
    return check_meaning(want);
  }

  /// Pointers to objects must be as they were given; those into memory may have moved.
  Objection check_offset() const {
    const bool any = (kMemoryKinds & bit(reg().kind)) != 0 && arg_->kind != Arg::record;
    if (any) return {};
    // Inside an object lie others: which one is meant, its type tells.
    const bool inside = reg().kind == RegKind::btf_object && !arg_->releases && reg().off > 0;
    if (reg().off != 0 && !inside) return finds(Code::argument_offset, reg().off);
    if (!reg().is_fixed() || reg().fixed() != 0) return finds(Code::argument_offset, reg().num().smin);
    return {};
  }

  Objection check_reference() {
    if (arg_->releases) {
      if (reg().reference() == 0) return finds(Code::argument_not_referenced);
      call_.released_ref = reg().ref;
      call_.released_number = number_;
    }
    if (reg().reference() != 0) {
      if (call_.shared_ref != 0 && call_.shared_ref != reg().ref) return finds(Code::argument_two_references);
      call_.shared_ref = reg().ref;
    }
    return {};
  }

  Objection check_meaning(const Wanted& want) {
    switch (arg_->kind) {
      case Arg::map:
        call_.map = reg();
        return check_map();
      case Arg::map_key: {
        const auto bytes = walk_.map_of(*call_.map).spec->key_size;
        note_constant_key(bytes);
        return check_memory(want, bytes);
      }
      case Arg::map_value:
      case Arg::map_value_or_null:
      case Arg::map_value_out:
        if (wants_socket()) return check_sock_object();
        return check_memory(want, walk_.map_of(*call_.map).spec->value_size);
      case Arg::fixed_mem:
      case Arg::fixed_out:
      case Arg::fixed_inout:
        return check_fixed(want);
      case Arg::record:
        return reg().has(reg_flag::record) ? Objection{} : wrong_kind();
      case Arg::callback:
        call_.callback = reg().target;
        return {};
      case Arg::c_string:
        return check_string();
      case Arg::btf:
      case Arg::btf_or_null:
        return check_object(walk_.kernel_type(arg_->type), true);
      case Arg::btf_sock_common:
      case Arg::btf_sock_common_or_null:
        return check_sock_object();
      default:  // nothing more to ask, or asked together with the size
        return {};
    }
  }

  Objection check_sock_object() const {
    if (reg().kind != RegKind::btf_object) return {};
    return check_object(walk_.kernel_type(abi::KernelType::sock_common), false);
  }

  /// A kernel object of a type, or of one that begins with it.
  Objection check_object(btf::TypeId type, bool under_rcu) const {
    if (type == 0 || reg().target == 0) return finds(Code::unsupported_argument);
    // What is given back has to be the very thing, but sockets of all kinds go the same way.
    const bool exact = arg_->releases && static_cast<abi::HelperId>(call_.helper.id) != abi::HelperId::sk_release;
    return object_argument(walk_, step_, number_, {type, exact, under_rcu});
  }

  Objection check_map() const {
    const MapSpec& spec = *walk_.map_of(reg()).spec;
    const program::Program& program = *walk_.input.program;
    if (!abi::takes_map(call_.helper, spec.type, program.type,
                        static_cast<abi::AttachType>(program.expected_attach_type)))
      return step_.finds(Code::argument_map_type, {number_, static_cast<std::int64_t>(spec.type), call_.helper.id},
                         call_.helper.name);
    return {};
  }

  Objection check_fixed(const Wanted& want) {
    if (arg_->kind != Arg::fixed_mem) {
      if (auto bad = check_aligned(arg_->bytes)) return bad;
    }
    return check_memory(want, arg_->bytes);
  }

  /// The kernel reads and writes through such a pointer as a number of that size.
  Objection check_aligned(std::uint32_t bytes) const {
    const auto at =
        alu(Alu::add, reg().num(), Scalar::constant(static_cast<std::uint64_t>(std::int64_t{reg().off}))).bits;
    if (((at.value | at.mask) & (bytes - 1)) == 0) return {};
    return step_.finds(Code::access_misaligned, {number_, reg().off, bytes}, name_of(reg().kind));
  }

  /// A string constant: in a map whose contents nobody can change, with its NUL inside the value.
  Objection check_string() const {
    const MapInfo map = walk_.map_of(reg());
    if (map.frozen.empty()) return finds(Code::argument_string);
    if (!reg().is_fixed()) return finds(Code::argument_string);
    const std::int64_t at = reg().off + static_cast<std::int64_t>(reg().fixed());
    if (at < 0 || at >= static_cast<std::int64_t>(map.frozen.size())) return finds(Code::argument_string);
    const auto rest = map.frozen.subspan(static_cast<std::size_t>(at));
    return std::memchr(rest.data(), 0, rest.size()) != nullptr ? Objection{} : finds(Code::argument_string);
  }

  void note_constant_key(std::uint32_t bytes) {
    if (bytes != 4 || reg().kind != RegKind::stack || !reg().is_fixed()) return;
    const std::int64_t at = reg().off + static_cast<std::int64_t>(reg().fixed());
    if (at < -kStackBytes || at > -4) return;
    const Frame& frame = *walk_.state.frames[reg().frame];
    const auto slot = static_cast<unsigned>((-at - 1) / kSlotBytes);
    if (slot >= frame.stack.size()) return;
    const Slot& cell = frame.stack[slot];
    const auto first = static_cast<std::size_t>((at % kSlotBytes + kSlotBytes) % kSlotBytes);
    const auto run = [&](StackByte kind) {
      const auto end = std::find_if(cell.bytes.begin() + static_cast<std::ptrdiff_t>(first), cell.bytes.end(),
                                    [kind](StackByte byte) { return byte != kind; });
      return static_cast<std::size_t>(end - cell.bytes.begin()) - first;
    };
    if (run(StackByte::zero) >= bytes) {
      call_.constant_key = 0;
    } else if (cell.is_spill() && cell.spilled.is_constant() && run(StackByte::spill) == bytes) {
      // A spill of as many bytes as the key has, or the upper half of one of eight bytes: that is 0 where the whole is
      // small enough to be a key.
      call_.key_node = frame.nodes[slot];
      call_.constant_key = cell.spilled.fixed();
    }
  }

  Objection check_size() {
    if (!reg().is_scalar()) return wrong_kind();
    const Scalar& num = reg().num();
    call_.longest = num.umax;
    if (num.smin < 0) return finds(Code::argument_size_negative, num.smin);
    const bool zero_allowed = arg_->kind == Arg::size_or_zero;
    if (num.umin == 0 && !zero_allowed) return finds(Code::argument_size_zero);
    if (num.umax >= kMaxSize) return finds(Code::argument_size_unbounded);
    const unsigned size_number = number_;
    const Register size = reg();
    const Arg memory = call_.helper.args[number_ - 2].kind;
    Wanted want = wanted(memory);
    // A helper may fill less than it could: what it is given must then be initialised, where leaks matter.
    want.fills = want.fills && num.is_constant();
    --number_;
    const bool by_type = reg().kind == RegKind::btf_object && num.umin == 0;
    auto bad = by_type ? check_memory(want, 0, zero_allowed) : Objection{};
    if (!bad) bad = check_memory(want, static_cast<std::uint32_t>(num.umax), zero_allowed);
    number_ = size_number;
    if (!bad) walk_.need_precise(size);
    return bad;
  }

  Objection check_memory(const Wanted& want, std::uint32_t bytes, bool zero_allowed = false) {
    return memory_argument(walk_, step_, {number_, 0, bytes}, want, zero_allowed, call_.helper.name);
  }

  Walk& walk_;
  const Step& step_;
  CallState& call_;
  const abi::ArgSpec* arg_ = nullptr;
  unsigned number_ = 0;
};

}  // namespace

Objection check_memory_argument(Walk& walk, const Step& step, unsigned number, std::uint32_t bytes) {
  return memory_argument(walk, step, {number, 0, bytes}, {kMemoryKinds, false, true, false}, false, "function");
}

Objection check_object_argument(const Walk& walk, const Step& step, unsigned number, btf::TypeId type) {
  const Register& reg = walk.state.reg(number);
  if (reg.kind != RegKind::btf_object) return step.finds(Code::argument_kind, {number}, name_of(reg.kind));
  if (reg.off < 0 || !reg.is_fixed() || reg.fixed() != 0)
    return step.finds(Code::argument_offset, {number, reg.off}, "function");
  return object_argument(walk, step, number, {type});
}

Objection check_arguments(Walk& walk, const Step& step, CallState& call) { return Checker(walk, step, call).run(); }

}  // namespace skep::verifier
