// Numbers at the edges are more frequent than chance would have them.
#include "soundness/inputs.hpp"

#include <algorithm>
#include <array>
#include <cstring>
#include <optional>
#include <random>
#include <vector>

#include "differential/generator.hpp"
#include "maps/map_storage.hpp"
#include "maps/ringbuf.hpp"
#include "support/still_host.hpp"

namespace skep::soundness {
namespace {

using Random = std::mt19937_64;

/// The __sk_buff of a program that may look at its packet; other fields are bytes.
class SkbContext final : public Context {
 public:
  SkbContext(ProgType type, std::span<std::byte> packet, Random& random) : packet_(packet) {
    structured_ = {reinterpret_cast<std::uint64_t>(fields_.data()), static_cast<std::uint32_t>(fields_.size()), type};
    entry_ = {structured_.address, 0};
    for (std::byte& byte : fields_) byte = static_cast<std::byte>(random());
    constexpr std::size_t kSocket = 168, kFlowKeys = 144;  // pointers: null
    std::fill_n(fields_.begin() + kSocket, 8, std::byte{});
    std::fill_n(fields_.begin() + kFlowKeys, 8, std::byte{});
  }

  std::size_t memories(std::span<Memory, kMaxMemories> out) const noexcept override {
    out[0] = {packet_.data(), packet_.size(), true, "packet"};
    return 1;
  }
  [[nodiscard]] std::optional<std::uint64_t> load(std::uint32_t off, unsigned size) const noexcept override {
    constexpr std::uint32_t kData = 76, kEnd = 80, kMeta = 140;
    const auto start = reinterpret_cast<std::uint64_t>(packet_.data());
    if (size == 4 && (off == kData || off == kMeta)) return start;
    if (size == 4 && off == kEnd) return start + packet_.size();
    if (off + size > fields_.size()) return std::nullopt;
    std::uint64_t value = 0;
    std::memcpy(&value, fields_.data() + off, size);
    return value;
  }
  bool store(std::uint32_t off, unsigned size, std::uint64_t value) noexcept override {
    if (off + size > fields_.size()) return false;
    std::memcpy(fields_.data() + off, &value, size);
    return true;
  }

 private:
  std::span<std::byte> packet_;
  alignas(8) std::array<std::byte, 192> fields_{};
};

/// Numbers that matter at the edges, and small ones.
void fill(std::span<std::byte> bytes, Random& random) {
  for (std::size_t at = 0; at < bytes.size(); at += 8) {
    const std::uint64_t word = random() % 3 == 0 ? random() % 100 : differential::interesting(random());
    std::memcpy(bytes.data() + at, &word, std::min<std::size_t>(8, bytes.size() - at));
  }
}

/// Kinds that any number may be stored in, under keys that are numbers.
bool takes_numbers(MapType type) {
  return type == MapType::array || type == MapType::hash || type == MapType::lru_hash ||
         type == MapType::percpu_array || type == MapType::percpu_hash;
}

void fill_maps(std::span<const Map> maps, std::uint64_t seed) {
  constexpr std::uint32_t kMostEntries = 16;
  Random random(seed);
  for (const Map& map : maps) {
    const MapSpec& spec = map.spec();
    if (maps::RingBufferMap* ring = map.storage()->ring_buffer()) {
      ring->consume([](std::span<const std::byte>) { return true; });
      continue;
    }
    if (!takes_numbers(spec.type)) continue;
    std::vector<std::byte> value(map.host_value_size()), key(spec.key_size);
    for (std::uint32_t entry = 0; entry < std::min(spec.max_entries, kMostEntries); ++entry) {
      std::memcpy(key.data(), &entry, std::min(key.size(), sizeof entry));
      fill(value, random);
      const bool erasable = spec.type != MapType::array && spec.type != MapType::percpu_array;
      if (erasable && random() % 3 == 0)
        (void)map.erase(key);
      else
        (void)map.update(key, value);
    }
  }
}

}  // namespace

Inputs::Inputs() {
  auto host = std::make_shared<test::StillHost>();
  start_ = [host = host.get()](std::uint64_t seed) { host->start(seed); };
  host_ = std::move(host);
}

ContextKind context_kind(ProgType type) noexcept {
  switch (type) {
    case ProgType::xdp:
      return ContextKind::xdp;
    case ProgType::socket_filter:
    case ProgType::sched_cls:
    case ProgType::sched_act:
    case ProgType::cgroup_skb:
    case ProgType::lwt_in:
    case ProgType::lwt_out:
    case ProgType::lwt_xmit:
    case ProgType::sk_skb:
      return ContextKind::skb;
    case ProgType::kprobe:
    case ProgType::tracepoint:
    case ProgType::raw_tracepoint:
    case ProgType::perf_event:
      return ContextKind::bytes;
    default:
      return ContextKind::none;
  }
}

void Inputs::with_context(ProgType type, std::span<const Map> maps, std::uint64_t seed,
                          const std::function<void(Context&)>& use) {
  Random random(seed);
  fill_maps(maps, random());
  start_(seed);
  std::array<std::byte, 128> bytes{};
  fill(bytes, random);
  const std::span<std::byte> packet = std::span(bytes).first(random() % (bytes.size() + 1));
  switch (context_kind(type)) {
    case ContextKind::none:
      return;
    case ContextKind::xdp: {
      XdpPacket context(packet, {.ingress_ifindex = static_cast<std::uint32_t>(differential::interesting(random()))});
      return use(context);
    }
    case ContextKind::skb: {
      SkbContext context(type, packet, random);
      return use(context);
    }
    case ContextKind::bytes: {
      std::vector<std::byte> fields(4096);
      fill(fields, random);
      RawContext context{std::span(fields)};
      return use(context);
    }
  }
}

}  // namespace skep::soundness
