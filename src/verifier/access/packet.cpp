// The packet: which programs may touch it, and how much of it is proven to be there.
#include "abi/prog_types.hpp"
#include "verifier/access/access.hpp"

namespace skep::verifier {

bool may_touch_packet(const Walk& walk, Touch touch) noexcept {
  const abi::ProgTypeSpec* spec = abi::find_prog_type(walk.input.program->type);
  if (spec == nullptr) return false;
  return touch == Touch::read ? spec->packet >= abi::PacketAccess::read : spec->packet == abi::PacketAccess::write;
}

Objection access_packet(Walk& walk, const Step& step, const Register& reg, const Access& access) {
  const Range& range = access.range;
  if (access.touch == Touch::write) {
    if (!may_touch_packet(walk, Touch::write)) return step.finds(Code::packet_write_prohibited, {range.number});
    if (access.stored != nullptr && walk.hides(*access.stored))
      return step.finds(Code::pointer_leak, {access.stored_number}, "packet");
  }
  if (auto bad = check_packet(step, reg, range)) return bad;
  if (access.loaded != nullptr) *access.loaded = Register::unknown();
  return {};
}

Objection check_packet(const Step& step, const Register& reg, const Range& range, bool zero_allowed) {
  if (reg.num().smin < 0)
    return step.finds(Code::access_index_negative, {range.number, reg.num().smin}, name_of(reg.kind));
  // The variable part is the base's: what is proven is proven behind it.
  const std::int64_t off = std::int64_t{reg.off} + range.off;
  const bool fits =
      off >= 0 && (range.bytes > 0 || zero_allowed) && static_cast<std::uint64_t>(off) + range.bytes <= reg.size;
  if (fits) return {};
  return step.finds(Code::packet_out_of_bounds, {range.number, off, off + range.bytes, reg.size}, name_of(reg.kind));
}

}  // namespace skep::verifier
