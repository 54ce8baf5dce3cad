// Accesses by kind of pointer, and the check that most kinds share: inside so many bytes.
#include <limits>

#include "verifier/access/access.hpp"
#include "verifier/facts.hpp"

namespace skep::verifier {
namespace {

constexpr std::uint64_t kMaxOffset = std::uint64_t{1} << 29;

bool fits(std::int64_t off, std::uint32_t bytes, std::uint32_t limit, bool zero_allowed) {
  return off >= 0 && (bytes > 0 || zero_allowed) && static_cast<std::uint64_t>(off) + bytes <= limit;
}

Objection access_by_kind(Walk& walk, const Step& step, const Register& reg, const Access& access) {
  switch (reg.kind) {
    case RegKind::stack:
      return access_stack(walk, step, reg, access);
    case RegKind::ctx:
    case RegKind::sock:
    case RegKind::sock_common:
    case RegKind::tcp_sock:
    case RegKind::xdp_sock:
    case RegKind::flow_keys:
      return access_context(walk, step, reg, access);
    case RegKind::packet:
    case RegKind::packet_meta:
      return access_packet(walk, step, reg, access);
    case RegKind::map_value:
    case RegKind::map_key:
      return access_map_value(walk, step, reg, access);
    case RegKind::memory:
      return access_memory(walk, step, reg, access);
    case RegKind::buffer:
    case RegKind::tp_buffer:
      return access_buffer(step, reg, access);
    case RegKind::btf_object:
      return access_object(walk, step, reg, access);
    case RegKind::map:
      return access_map(walk, step, reg, access);
    case RegKind::uninit:
    case RegKind::scalar:
    case RegKind::packet_end:
    case RegKind::function:
      break;
  }
  return step.finds(Code::access_through_non_pointer, {access.range.number}, name_of(reg.kind));
}

}  // namespace

Objection check_region(const Step& step, const Register& reg, const Range& range, std::uint32_t limit,
                       bool zero_allowed) {
  const std::int64_t off = std::int64_t{range.off} + reg.off;
  const auto finds = [&](Code code, std::int64_t at) {
    return step.finds(code, {range.number, at, range.bytes, limit}, name_of(reg.kind));
  };
  const Scalar num = reg.num();
  const std::int64_t smin = num.smin;
  if (smin < 0 && (smin == std::numeric_limits<std::int64_t>::min() ||
                   off + smin != static_cast<std::int32_t>(off + smin) || off + smin < 0))
    return finds(Code::access_index_negative, smin);
  if (!fits(off + smin, range.bytes, limit, zero_allowed)) return finds(Code::access_out_of_bounds, off + smin);
  if (num.umax >= kMaxOffset) return finds(Code::access_index_unbounded, off);
  const std::int64_t highest = off + static_cast<std::int64_t>(num.umax);
  if (!fits(highest, range.bytes, limit, zero_allowed)) return finds(Code::access_out_of_bounds, highest);
  return {};
}

Objection check_alignment(const Walk& walk, const Step& step, const Register& reg, const Range& range, bool always) {
  const bool strict = always || walk.input.options.strict_alignment || reg.kind == RegKind::stack;
  if (!strict || range.bytes <= 1) return {};
  // Packets begin two bytes behind an aligned address on most machines (NET_IP_ALIGN).
  const std::int64_t pad = reg.is_packet() ? 2 : 0;
  const auto fixed = Scalar::constant(static_cast<std::uint64_t>(pad + reg.off + range.off));
  const auto at = alu(Alu::add, reg.num(), fixed).bits;
  if (((at.value | at.mask) & (range.bytes - 1)) == 0) return {};
  return step.finds(Code::access_misaligned, {range.number, std::int64_t{reg.off} + range.off, range.bytes},
                    name_of(reg.kind));
}

Objection access_memory(Walk& walk, const Step& step, const Register& reg, const Access& access) {
  const Range& range = access.range;
  if (access.touch == Touch::write) {
    if (reg.has(reg_flag::read_only)) return step.finds(Code::write_read_only, {range.number}, name_of(reg.kind));
    if (access.stored != nullptr && walk.hides(*access.stored))
      return step.finds(Code::pointer_leak, {access.stored_number}, name_of(reg.kind));
  }
  if (auto bad = check_region(step, reg, range, reg.size)) return bad;
  if (access.loaded != nullptr) *access.loaded = Register::unknown();
  return {};
}

Objection check_access(Walk& walk, const Step& step, const Access& access) {
  const Register reg = walk.state.reg(access.range.number);
  if (reg.has(reg_flag::maybe_null)) return step.finds(Code::access_or_null, {access.range.number}, name_of(reg.kind));
  if (auto bad = check_alignment(walk, step, reg, access.range, access.atomic)) return bad;
  if (auto bad = access_by_kind(walk, step, reg, access)) return bad;
  if (walk.facts != nullptr) walk.facts->access(step, reg, access);
  return {};
}

}  // namespace skep::verifier
