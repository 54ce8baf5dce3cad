// Writing into perf buffers: bytes of the program, behind them the start of the packet where it asks for that.
#include <array>

#include "helpers/family.hpp"
#include "maps/perf_array.hpp"

namespace skep::helpers {
namespace {

constexpr std::uint64_t kIndexMask = 0xffffffff;  // BPF_F_INDEX_MASK; all ones: BPF_F_CURRENT_CPU
constexpr unsigned kPacketShift = 32;             // where BPF_F_CTXLEN_MASK begins
constexpr std::uint64_t kPacketMask = 0xfffff;

std::uint64_t output(Env& env, std::uint64_t, std::uint64_t map, std::uint64_t flags, std::uint64_t data,
                     std::uint64_t size) noexcept {
  const XdpPacket* packet = env.context().xdp();
  const std::uint64_t packet_bytes = flags >> kPacketShift;
  if (packet_bytes > (packet != nullptr ? kPacketMask : 0)) return r0(-EINVAL);
  if (packet != nullptr && packet_bytes > packet->frame().size()) return r0(-EFAULT);

  maps::PerfArrayMap* array = map_of(map).perf_array();
  if (array == nullptr) return r0(-EINVAL);
  const unsigned cpu = env.cpu();
  const auto index = (flags & kIndexMask) == kIndexMask ? cpu : static_cast<std::uint32_t>(flags & kIndexMask);
  if (index >= array->spec().max_entries) return r0(-E2BIG);
  const std::shared_ptr<maps::PerfRing> ring = array->ring(index);
  if (ring == nullptr) return r0(-ENOENT);
  if (index != cpu) return r0(-EOPNOTSUPP);  // the buffer of a CPU is written on that CPU only

  const std::array<std::span<const std::byte>, 2> parts{
      std::span<const std::byte>(bytes_at(data), size),
      packet != nullptr ? packet->frame().first(packet_bytes) : std::span<const std::byte>()};
  return r0(ring->output(parts));
}

}  // namespace

std::span<const Row> perf_rows() noexcept {
  static constexpr Row kRows[] = {{abi::HelperId::perf_event_output, output}};
  return kRows;
}

}  // namespace skep::helpers
