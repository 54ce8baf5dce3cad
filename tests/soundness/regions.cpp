// An access may be inside for any kind of pointer that the facts name: objects lie apart, so that one of another kind
// is far outside.
#include "soundness/regions.hpp"

#include <fmt/format.h>

namespace skep::soundness {
namespace {

using verifier::Extent;
using verifier::InsnFacts;
using verifier::kind_bit;
using verifier::RegKind;

/// Kinds that no run here has an object of, or none whose start it knows.
constexpr verifier::KindSet kUnknown = kind_bit(RegKind::map) | kind_bit(RegKind::flow_keys) | kind_bit(RegKind::sock) |
                                       kind_bit(RegKind::sock_common) | kind_bit(RegKind::tcp_sock) |
                                       kind_bit(RegKind::xdp_sock) | kind_bit(RegKind::buffer) |
                                       kind_bit(RegKind::tp_buffer) | kind_bit(RegKind::btf_object);

class Regions {
 public:
  Regions(const Trace& trace, const verifier::Facts& facts, const Surroundings& around)
      : trace_(trace), facts_(facts), around_(around) {}

  std::string run() {
    for (std::size_t i = 0; i < trace_.moments.size(); ++i) {
      const Moment& now = trace_.moments[i];
      note_arguments(now);
      if (now.effects.touched.bytes == 0) continue;
      if (auto wrong = access(now, facts_.at(now.pc)); !wrong.empty())
        return fmt::format("step {}, insn {}: {}", i, now.pc, wrong);
    }
    return {};
  }

 private:
  /// What the innermost function was called with: memory is counted from there.
  void note_arguments(const Moment& now) {
    if (now.depth > depth_) arguments_[now.depth - 1] = now.registers[now.depth - 1];
    depth_ = now.depth;
  }

  std::string access(const Moment& now, const InsnFacts& facts) const {
    const Area touched = now.effects.touched;
    if (facts.base == 0) return "an access that the verifier never saw";
    if ((facts.base & kUnknown) != 0) return {};
    const auto extent = facts.region.extent();
    if (!extent) return "no region is proven";
    const auto inside = [&](std::uint64_t start) {
      const auto off = static_cast<std::int64_t>(touched.address - start);
      return off >= extent->low && off <= extent->end - static_cast<std::int64_t>(touched.bytes);
    };
    const auto goes_through = [&](RegKind kind) { return (facts.base & kind_bit(kind)) != 0; };
    if (goes_through(RegKind::stack) && inside(frame_pointer(now, touched.address))) return {};
    if (goes_through(RegKind::ctx) && inside(around_.context.entry().r1)) return {};
    if (goes_through(RegKind::packet) && inside(now.packet)) return {};
    if (goes_through(RegKind::packet_meta) && inside(now.packet_meta)) return {};
    constexpr auto kObjects = kind_bit(RegKind::map_value) | kind_bit(RegKind::map_key) | kind_bit(RegKind::memory);
    if ((facts.base & kObjects) != 0 && inside(now.effects.object.address)) return {};
    if (goes_through(RegKind::memory) && inside_argument(inside)) return {};
    const auto off = static_cast<std::int64_t>(touched.address - now.effects.object.address);
    return fmt::format("{} bytes at {} of {} are touched, outside the region [{}, {}) of kinds {:#x}", touched.bytes,
                       off, now.effects.object.bytes, extent->low, extent->end, facts.base);
  }

  /// Of the frame that the address is in.
  static std::uint64_t frame_pointer(const Moment& now, std::uint64_t address) {
    return now.stack_top - (now.stack_top - 1 - address) / kFrameBytes * kFrameBytes;
  }

  template <class Inside>
  [[nodiscard]] bool inside_argument(const Inside& inside) const {
    for (unsigned frame = 0; frame < depth_; ++frame)
      for (unsigned i = 1; i <= 5; ++i)
        if (inside(arguments_[frame][i])) return true;
    return false;
  }

  const Trace& trace_;
  const verifier::Facts& facts_;
  const Surroundings& around_;
  std::array<Registers, kFrames> arguments_{};
  std::uint32_t depth_ = 0;
};

}  // namespace

std::string find_outside_region(const Trace& trace, const verifier::Facts& facts, const Surroundings& around) {
  return Regions(trace, facts, around).run();
}

}  // namespace skep::soundness
