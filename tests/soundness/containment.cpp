// Kind by kind: where a pointer of that kind has to point to, and how far from there it may.
#include "soundness/containment.hpp"

#include <algorithm>
#include <optional>

#include <fmt/format.h>

#include "soundness/arithmetic.hpp"

namespace skep::soundness {
namespace {

using verifier::Register;
using verifier::RegKind;
using verifier::Scalar;
using verifier::Slot;
using verifier::StackByte;
namespace reg_flag = verifier::reg_flag;

/// `address` is off + num bytes behind `base`.
bool points_into(const Register& reg, std::uint64_t address, std::uint64_t base) {
  return reg.num().contains(address - base - static_cast<std::uint64_t>(std::int64_t{reg.off}));
}

/// Some value of the area has `address` at the offset that the pointer is said to have.
bool points_into_value(const Register& reg, std::uint64_t address, const maps::ValueArea& area) {
  const auto base = reinterpret_cast<std::uint64_t>(area.base);
  const std::int64_t count = static_cast<std::int64_t>(area.bytes / area.stride);
  const auto distance = static_cast<std::int64_t>(address - base) - reg.off - reg.num().smin;
  // The value it points into when the number is the smallest there can be, and those before it.
  const std::int64_t last = std::min(distance / static_cast<std::int64_t>(area.stride), count - 1);
  constexpr std::int64_t kTries = 64;
  for (std::int64_t i = last; i >= 0 && i > last - kTries; --i)
    if (points_into(reg, address, base + static_cast<std::uint64_t>(i) * area.stride)) return true;
  return false;
}

class Containment {
 public:
  Containment(const History& history, const WalkStep& step, const Moment& moment, const Demand& demand,
              const Surroundings& around, const Base& base)
      : history_(history), step_(step), moment_(moment), demand_(demand), around_(around), base_(base) {}

  std::string run() {
    const std::size_t depth = step_.frames.size();
    if (depth + base_.frames != moment_.depth) return "another number of frames";
    const std::size_t held = moment_.records.size() - base_.records;
    if (held > step_.references.size() || held + perhaps_null() < step_.references.size())
      return fmt::format("{} references are held, seen {}", held, step_.references.size());
    for (unsigned i = 0; i < depth; ++i)
      if (auto wrong = frame(i); !wrong.empty()) return wrong;
    return {};
  }

 private:
  /// References of which the verifier does not know yet whether there is anything behind them.
  [[nodiscard]] std::size_t perhaps_null() const {
    const auto names = [](const Register& reg, std::uint32_t id) {
      return reg.reference() == id && reg.has(reg_flag::maybe_null);
    };
    const auto in_frame = [&](const SeenFrame& frame, std::uint32_t id) {
      return std::any_of(frame.registers.begin(), frame.registers.end(),
                         [&](const Register& reg) { return names(reg, id); }) ||
             std::any_of(frame.slots.begin(), frame.slots.end(),
                         [&](const SeenSlot& seen) { return seen.slot.is_spill() && names(seen.slot.spilled, id); });
    };
    return static_cast<std::size_t>(
        std::count_if(step_.references.begin(), step_.references.end(), [&](std::uint32_t id) {
          return std::any_of(step_.frames.begin(), step_.frames.end(),
                             [&](const SeenFrame& frame) { return in_frame(frame, id); });
        }));
  }

  std::string frame(unsigned index) {
    const SeenFrame& frame = step_.frames[index];
    const unsigned own = index + base_.frames;
    const bool top = own + 1 == moment_.depth;
    if (index > 0 && frame.call_pc != moment_.called[own].call_pc) return "called from elsewhere";
    const std::uint32_t at = top ? moment_.pc : moment_.called[own + 1].call_pc;
    const std::uint16_t known = top ? history_.live(at) : static_cast<std::uint16_t>(history_.live(at) & ~1u);
    const std::uint16_t used = demand_.registers[own];
    for (unsigned i = 0; i < isa::kFramePointer; ++i) {
      if (((known | used) >> i & 1) == 0) continue;
      const Register& reg = frame.registers[i];
      const std::uint64_t value = moment_.registers[own][i];
      if (reg.kind == RegKind::uninit && (used >> i & 1) != 0)
        return fmt::format("frame {}: r{} is used, but not said to hold anything", own, i);
      if (!holds(reg, value, 64)) return outside(fmt::format("frame {}: r{}", own, i), reg, value);
    }
    for (const SeenSlot& seen : frame.slots) {
      if ((demand_.slots[own] >> seen.number & 1) == 0) continue;
      const std::uint64_t value = moment_.slot(own, seen.number);
      if (!slot(seen.slot, value))
        return outside(fmt::format("frame {}: the slot at {}", own, -8 * (static_cast<int>(seen.number) + 1)),
                       seen.slot.spilled, value);
    }
    return {};
  }

  bool slot(const Slot& slot, std::uint64_t value) {
    const unsigned spilled = slot.is_spill() ? slot.spill_bytes() : 0;
    for (unsigned i = spilled; i < 8; ++i)
      if (slot.bytes[i] == StackByte::zero && (value >> 8 * i & 0xff) != 0) return false;
    return spilled == 0 || holds(slot.spilled, cut(value, 8 * spilled), 8 * spilled);
  }

  bool holds(const Register& reg, std::uint64_t value, unsigned bits) {
    switch (reg.kind) {
      case RegKind::uninit:
        return true;
      case RegKind::scalar:
        return number(reg, value, bits);
      default:  // pointers
        return (value == 0 && reg.has(reg_flag::maybe_null)) || pointer(reg, value);
    }
  }

  bool number(const Register& reg, std::uint64_t value, unsigned bits) {
    if (!history_.precise(step_, reg.node)) return true;
    const Scalar num = bits == 64 ? reg.num() : zero_extend(reg.num(), bits);
    return num.contains(value) && (reg.id == 0 || agrees(reg, value));
  }

  /// Numbers of one id are equal, or a constant apart; the common number of sums cut to 32 bits has no upper half.
  bool agrees(const Register& reg, std::uint64_t value) {
    const std::uint64_t delta = reg.has(reg_flag::plus_const) ? static_cast<std::uint64_t>(std::int64_t{reg.off}) : 0;
    const std::uint64_t common = cut(value - delta, reg.has(reg_flag::plus_const_32) ? 32 : 64);
    for (const auto& [id, number] : linked_)
      if (id == reg.id) return number == common;
    linked_.emplace_back(reg.id, common);
    return true;
  }

  bool pointer(const Register& reg, std::uint64_t value) const {
    switch (reg.kind) {
      case RegKind::stack:
        return points_into(reg, value, moment_.frame_pointer(reg.frame + base_.frames));
      case RegKind::ctx:
        return points_into(reg, value, around_.context.entry().r1);
      case RegKind::map:
        if ((reg.target & verifier::kInnerMap) != 0) return value != 0;
        return value == reinterpret_cast<std::uint64_t>(around_.maps[reg.target]);
      case RegKind::map_value:
        return map_value(reg, value);
      case RegKind::packet:
      case RegKind::packet_meta:
        return packet(reg, value);
      case RegKind::packet_end:
        return value == moment_.packet_end;
      case RegKind::map_key:
        return std::any_of(moment_.lent.begin(), moment_.lent.end(),
                           [&](const Area& area) { return points_into(reg, value, area.address); });
      case RegKind::memory:
        if (!reg.has(reg_flag::record)) return value != 0;
        return std::any_of(moment_.records.begin(), moment_.records.end(), [&](const Area& area) {
          return points_into(reg, value, area.address) && reg.size <= area.bytes;
        });
      case RegKind::function:
        return function(reg, value);
      default:  // the kernel's own, which no run here has
        return true;
    }
  }

  bool map_value(const Register& reg, std::uint64_t value) const {
    // A map inside a map: the run has more of those than there is a table of.
    if ((reg.target & verifier::kInnerMap) != 0) return value != 0;
    const maps::MapStorage& map = *around_.maps[reg.target];
    if (reg.has(reg_flag::maybe_null) && map.value_areas().empty()) return value != 0;
    return std::any_of(map.value_areas().begin(), map.value_areas().end(),
                       [&](const maps::ValueArea& area) { return points_into_value(reg, value, area); });
  }

  bool packet(const Register& reg, std::uint64_t value) const {
    const bool meta = reg.kind == RegKind::packet_meta;
    const std::uint64_t end = meta ? moment_.packet : moment_.packet_end;
    if (!points_into(reg, value, meta ? moment_.packet_meta : moment_.packet)) return false;
    const std::uint64_t proven = value - static_cast<std::uint64_t>(std::int64_t{reg.off}) + reg.size;
    if (reg.size != 0 && proven > end) return false;
    if (reg.has(reg_flag::beyond_packet_end) && value <= end) return false;
    return !reg.has(reg_flag::at_packet_end) || value >= end;
  }

  bool function(const Register& reg, std::uint64_t value) const {
    const auto pc = static_cast<std::uint32_t>(value - Machine::function_address(0));
    return Machine::function_address(pc) == value && pc < around_.program.insns.size() && reg.off == 0;
  }

  static std::string outside(const std::string& what, const Register& reg, std::uint64_t value) {
    const Scalar num = reg.num();
    return fmt::format(
        "{} is {:#x}, seen as {} off {} size {} flags {:#x}, u64 [{:#x}, {:#x}] s64 [{}, {}] u32 [{:#x}, {:#x}] "
        "s32 [{}, {}] bits {:#x}/{:#x}",
        what, value, name_of(reg.kind), reg.off, reg.is_pointer() ? reg.size : 0, reg.flags, num.umin, num.umax,
        num.smin, num.smax, num.umin_half, num.umax_half, num.smin_half, num.smax_half, num.bits.value, num.bits.mask);
  }

  const History& history_;
  const WalkStep& step_;
  const Moment& moment_;
  const Demand& demand_;
  const Surroundings& around_;
  const Base& base_;
  std::vector<std::pair<std::uint32_t, std::uint64_t>> linked_;
};

}  // namespace

std::string find_outside(const History& history, const WalkStep& step, const Moment& moment, const Demand& demand,
                         const Surroundings& around, const Base& base) {
  return Containment(history, step, moment, demand, around, base).run();
}

}  // namespace skep::soundness
