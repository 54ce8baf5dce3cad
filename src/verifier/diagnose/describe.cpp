// Words for values.
#include "verifier/diagnose/describe.hpp"

#include <algorithm>
#include <bit>
#include <limits>

#include <fmt/format.h>

#include "btf/btf.hpp"
#include "verifier/walk.hpp"

namespace skep::verifier {
namespace {

constexpr std::int64_t kSignedMin = std::numeric_limits<std::int64_t>::min();
constexpr std::int64_t kSignedMax = std::numeric_limits<std::int64_t>::max();

/// Small numbers in decimal, large ones as people write them in C.
std::string number(std::uint64_t value) {
  constexpr std::uint64_t kReadable = 0xfffff;
  return value <= kReadable ? fmt::format("{}", value) : fmt::format("{:#x}", value);
}

std::string number(std::int64_t value) {
  if (value >= 0) return number(static_cast<std::uint64_t>(value));
  return "-" + number(0 - static_cast<std::uint64_t>(value));
}

std::string range_of(const Scalar& num) {
  constexpr auto kMax = std::numeric_limits<std::uint64_t>::max();
  if (num.smin >= 0) return number(num.umin) + ".." + number(num.umax);
  if (num.smin == kSignedMin && num.smax == kSignedMax && num.umin == 0 && num.umax == kMax) {
    const std::uint32_t half = num.umax_half;
    return half == std::numeric_limits<std::uint32_t>::max() ? "any number"
                                                             : fmt::format("any number, its lower half up to {}", half);
  }
  if (num.smin == kSignedMin) return "any number up to " + number(num.smax) + ", also negative";
  return number(num.smin) + ".." + (num.smax == kSignedMax ? "" : number(num.smax));
}

std::string offset_of(const Register& reg) {
  std::string text;
  if (reg.off != 0) text = fmt::format(" {} {}", reg.off < 0 ? '-' : '+', std::abs(std::int64_t{reg.off}));
  if (!reg.is_fixed()) return text + " + (" + describe(reg.num()) + ")";
  if (reg.fixed() != 0) text += fmt::format(" + {}", static_cast<std::int64_t>(reg.fixed()));
  return text;
}

std::string map_name(const Register& reg, const Input& input) {
  const MapSpec* spec = map_behind(reg, input);
  return spec == nullptr || spec->name.empty() ? "a map" : spec->name;
}

std::string stack_place(const Register& reg) {
  const std::int64_t off = reg.off + (reg.is_fixed() ? static_cast<std::int64_t>(reg.fixed()) : 0);
  const std::string fixed = off == 0 ? "fp" : fmt::format("fp{:+}", off);
  return reg.is_fixed() ? fixed : fmt::format("{} + ({})", fixed, describe(reg.num()));
}

std::string object_type(const Register& reg, const Input& input) {
  if (input.kernel_types == nullptr || reg.target == 0) return "a kernel object";
  const auto type = input.kernel_types->type(reg.target);
  return fmt::format("{}struct {}", reg.has(reg_flag::untrusted) ? "untrusted pointer to " : "pointer to ", type.name);
}

std::string body_of(const Register& reg, const Input& input) {
  switch (reg.kind) {
    case RegKind::uninit:
      return "nothing";
    case RegKind::scalar:
      return describe(reg.num());
    case RegKind::ctx:
      return "the context" + offset_of(reg);
    case RegKind::stack:
      return stack_place(reg);
    case RegKind::map:
      return "map " + map_name(reg, input);
    case RegKind::map_value: {
      const MapSpec* spec = map_behind(reg, input);
      return fmt::format("map_value of {} ({} bytes){}", map_name(reg, input), spec == nullptr ? 0 : spec->value_size,
                         offset_of(reg));
    }
    case RegKind::map_key:
      return fmt::format("map_key of {}{}", map_name(reg, input), offset_of(reg));
    case RegKind::packet:
    case RegKind::packet_meta:
      return fmt::format("{}{}, {}", reg.kind == RegKind::packet ? "packet" : "packet metadata", offset_of(reg),
                         reg.size == 0 ? "no byte proven readable"
                                       : fmt::format("{} byte{} proven readable", reg.size, reg.size == 1 ? "" : "s"));
    case RegKind::packet_end:
      return "the packet's end";
    case RegKind::flow_keys:
      return "flow keys" + offset_of(reg);
    case RegKind::sock:
    case RegKind::sock_common:
    case RegKind::tcp_sock:
    case RegKind::xdp_sock:
      return fmt::format("socket ({})", name_of(reg.kind));
    case RegKind::memory:
      return fmt::format("{} of {} bytes{}", reg.has(reg_flag::record) ? "ring-buffer record" : "memory", reg.size,
                         offset_of(reg));
    case RegKind::buffer:
    case RegKind::tp_buffer:
      return "buffer" + offset_of(reg);
    case RegKind::btf_object:
      return object_type(reg, input) + offset_of(reg);
    case RegKind::function:
      return "a function";
    default:  // kinds to come
      return std::string(name_of(reg.kind));
  }
}

}  // namespace

const MapSpec* map_behind(const Register& reg, const Input& input) {
  const std::uint32_t index = reg.target & ~kInnerMap;
  if (index >= input.maps.size()) return nullptr;
  const MapSpec* spec = input.maps[index].spec;
  return (reg.target & kInnerMap) != 0 && spec != nullptr ? spec->inner.get() : spec;
}

std::string describe(const Scalar& num) {
  if (num.is_constant()) return number(static_cast<std::int64_t>(num.value()));
  std::string text = range_of(num);
  const int zeros = std::countr_zero(num.bits.value | num.bits.mask);
  if (zeros > 0 && zeros < 32) text += fmt::format(", a multiple of {}", std::uint64_t{1} << zeros);
  return text;
}

std::string describe(const Register& reg, const Input& input) {
  return body_of(reg, input) + (reg.is_pointer() && reg.has(reg_flag::maybe_null) ? " or null" : "");
}

std::string name_of(Spot spot) {
  return spot.on_stack ? fmt::format("fp{}", spot.stack_off()) : fmt::format("r{}", spot.number);
}

const Register* register_in(Spot spot, const State& state) {
  if (spot.frame >= state.depth()) return nullptr;
  const Frame& frame = *state.frames[spot.frame];
  if (!spot.on_stack) return &frame.regs[spot.number];
  if (spot.number >= frame.stack.size() || !frame.stack[spot.number].is_spill()) return nullptr;
  return &frame.stack[spot.number].spilled;
}

std::string describe(Spot spot, const State& state, const Input& input) {
  if (const Register* reg = register_in(spot, state)) return describe(*reg, input);
  if (spot.frame >= state.depth()) return "nothing";
  const Frame& frame = *state.frames[spot.frame];
  if (spot.number >= frame.stack.size()) return "never written";
  const auto& bytes = frame.stack[spot.number].bytes;
  const auto missing = std::count(bytes.begin(), bytes.end(), StackByte::invalid);
  if (missing == 0) return "8 bytes";
  return missing == kSlotBytes ? "never written" : fmt::format("{} of 8 bytes written", kSlotBytes - missing);
}

}  // namespace skep::verifier
