// Values and keys of maps: inside the value, not against the map's flags, not into fields that are the kernel's.
#include <cstring>

#include "verifier/access/access.hpp"

namespace skep::verifier {
namespace {

/// The number in a value that nobody can change any more.
std::optional<std::uint64_t> read_frozen(const MapInfo& map, const Register& reg, const Range& range) {
  if (map.frozen.empty() || !reg.is_fixed()) return {};
  const std::uint64_t at = static_cast<std::uint64_t>(std::int64_t{reg.off} + range.off) + reg.fixed();
  if (at > map.frozen.size() || map.frozen.size() - at < range.bytes) return {};
  std::uint64_t value = 0;
  std::memcpy(&value, map.frozen.data() + at, range.bytes);
  return value;
}

Objection access_key(const Step& step, const Register& reg, const MapInfo& map, const Access& access) {
  if (access.touch == Touch::write) return step.finds(Code::write_map_key, {access.range.number});
  if (auto bad = check_region(step, reg, access.range, map.spec->key_size)) return bad;
  if (access.loaded != nullptr) *access.loaded = Register::unknown();
  return {};
}

}  // namespace

Objection check_kernel_fields(const Walk& walk, const Step& step, const Register& reg, const Range& range) {
  if ((reg.target & kInnerMap) != 0) return {};
  const std::int64_t base = std::int64_t{reg.off} + range.off;
  const std::int64_t low = base + reg.num().smin;
  const std::int64_t high = base + static_cast<std::int64_t>(reg.num().umax) + range.bytes;
  for (const KernelField& field : walk.kernel_fields[reg.target])
    if (low < std::int64_t{field.off} + field.bytes && high > field.off)
      return step.finds(Code::unsupported_field, {range.number}, walk.map_of(reg).spec->name);
  return {};
}

Objection access_map_value(Walk& walk, const Step& step, const Register& reg, const Access& access) {
  const MapInfo map = walk.map_of(reg);
  if (reg.kind == RegKind::map_key) return access_key(step, reg, map, access);
  const MapSpec& spec = *map.spec;
  if (access.touch == Touch::write) {
    if (access.stored != nullptr && walk.hides(*access.stored))
      return step.finds(Code::pointer_leak, {access.stored_number}, "map");
    if (reg.has(reg_flag::read_only) || (spec.flags & map_flag::rdonly_prog) != 0)
      return step.finds(Code::write_read_only_map, {access.range.number}, spec.name);
  } else if ((spec.flags & map_flag::wronly_prog) != 0) {
    return step.finds(Code::read_write_only_map, {access.range.number}, spec.name);
  }
  if (auto bad = check_region(step, reg, access.range, spec.value_size)) return bad;
  if (auto bad = check_kernel_fields(walk, step, reg, access.range)) return bad;
  if (access.loaded == nullptr) return {};
  const auto value = read_frozen(map, reg, access.range);
  *access.loaded = value ? Register::constant(*value) : Register::unknown();
  return {};
}

}  // namespace skep::verifier
