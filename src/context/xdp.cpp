// The XDP packet: where Linux puts a frame in its buffer, and how far a program may move the packet's ends.
//
// Layout, in offsets from the start of the buffer:
//   [0, 40) taken (struct xdp_frame) | free headroom | metadata | packet | free tailroom | 320 taken (skb_shared_info)
// Invariant: 40 <= lowest <= meta <= data <= end <= hard_end <= buffer.size() - 320, and [256, …) bounds lowest from
// above; a packet that was moved away has no buffer, and all are 0. Nothing outside [meta, end) is ever shown to a
// program. Whatever changes these updates the native structure. Source: the limits and error numbers are those that
// Linux 6.18 answers to BPF_PROG_TEST_RUN; tests/unit/context_test.cpp asks the running kernel again.
#include <algorithm>
#include <array>
#include <bit>
#include <cerrno>
#include <cstddef>
#include <cstring>
#include <utility>

#include <skep/context.hpp>

#include "abi/context_fields.hpp"
#include "base/bits.hpp"
#include "context/native.hpp"

namespace skep {
namespace {

constexpr std::size_t kBufferBytes = 4096;
constexpr std::int64_t kFrameHeader = 40;     // sizeof(struct xdp_frame): the headroom a program may not have
constexpr std::int64_t kEthernetHeader = 14;  // the shortest packet a program may leave
constexpr std::int64_t kMaxMeta = 255;        // what fits skb_shared_info's one-byte length; 252 after alignment
constexpr std::int64_t kMetaAlignment = 4;
constexpr std::uint32_t kMaxCopy = 0xffff;  // of an offset or a length in load_bytes and store_bytes

constexpr const abi::ContextLayout& kXdpMd = *abi::find_context_layout(ProgType::xdp);
constexpr std::uint32_t kFirstScalar = 12;  // ingress_ifindex, then rx_queue_index and egress_ifindex
static_assert(abi::find_context_field(kXdpMd, kFirstScalar)->name == "ingress_ifindex" && kXdpMd.bytes == 24);

std::int64_t as_int(std::int64_t delta) { return static_cast<std::int32_t>(delta); }

}  // namespace

XdpPacket::XdpPacket(std::span<const std::byte> frame, const Options& options) {
  state_.options = options;
  reset(frame);
}

XdpPacket::XdpPacket(const XdpPacket& other) : Context(), state_(other.state_) { update_native(); }

XdpPacket::XdpPacket(XdpPacket&& other) noexcept : Context(), state_(std::exchange(other.state_, {})) {
  other.update_native();
  update_native();
}

XdpPacket& XdpPacket::operator=(const XdpPacket& other) {
  state_ = other.state_;
  update_native();
  return *this;
}

XdpPacket& XdpPacket::operator=(XdpPacket&& other) noexcept {
  state_ = std::exchange(other.state_, {});
  other.update_native();
  update_native();
  return *this;
}

void XdpPacket::reset(std::span<const std::byte> frame) {
  const std::size_t needed = std::max(kBufferBytes, kHeadroom + frame.size() + kTailroom);
  if (needed > state_.buffer.size())
    state_.buffer.assign(needed, std::byte{0});
  else
    std::fill(state_.buffer.begin() + static_cast<std::ptrdiff_t>(state_.lowest), state_.buffer.begin() + kHeadroom,
              std::byte{0});
  if (!frame.empty()) std::memcpy(state_.buffer.data() + kHeadroom, frame.data(), frame.size());
  state_.meta = state_.data = state_.lowest = kHeadroom;
  state_.end = state_.data + frame.size();
  state_.hard_end = needed - kTailroom;
  state_.redirect.reset();
  update_native();
}

int XdpPacket::adjust_head(std::int64_t delta) noexcept {
  delta = as_int(delta);
  const auto meta_bytes = static_cast<std::int64_t>(state_.data - state_.meta);
  const std::int64_t data = static_cast<std::int64_t>(state_.data) + delta;
  if (data < kFrameHeader + meta_bytes || data > static_cast<std::int64_t>(state_.end) - kEthernetHeader)
    return -EINVAL;
  const auto meta = static_cast<std::size_t>(data - meta_bytes);
  std::memmove(state_.buffer.data() + meta, state_.buffer.data() + state_.meta, static_cast<std::size_t>(meta_bytes));
  state_.meta = meta;
  state_.data = static_cast<std::size_t>(data);
  state_.lowest = std::min(state_.lowest, state_.meta);
  update_native();
  return 0;
}

int XdpPacket::adjust_tail(std::int64_t delta) noexcept {
  const std::int64_t end = static_cast<std::int64_t>(state_.end) + as_int(delta);
  if (end > static_cast<std::int64_t>(state_.hard_end) ||
      end < static_cast<std::int64_t>(state_.data) + kEthernetHeader)
    return -EINVAL;
  const auto new_end = static_cast<std::size_t>(end);
  if (new_end > state_.end) std::memset(state_.buffer.data() + state_.end, 0, new_end - state_.end);
  state_.end = new_end;
  update_native();
  return 0;
}

int XdpPacket::adjust_meta(std::int64_t delta) noexcept {
  const std::int64_t meta = static_cast<std::int64_t>(state_.meta) + as_int(delta);
  const std::int64_t meta_bytes = static_cast<std::int64_t>(state_.data) - meta;
  if (meta < kFrameHeader || meta_bytes < 0) return -EINVAL;
  if (meta_bytes % kMetaAlignment != 0 || meta_bytes > kMaxMeta) return -EACCES;
  state_.meta = static_cast<std::size_t>(meta);
  state_.lowest = std::min(state_.lowest, state_.meta);
  update_native();
  return 0;
}

int XdpPacket::load_bytes(std::uint64_t off, std::span<std::byte> out) const noexcept {
  const auto start = static_cast<std::uint32_t>(off);
  if (start > kMaxCopy || out.size() > kMaxCopy) return -EFAULT;
  if (!in_bounds(start, out.size(), state_.end - state_.data)) return -EINVAL;
  if (!out.empty()) std::memcpy(out.data(), state_.buffer.data() + state_.data + start, out.size());
  return 0;
}

int XdpPacket::store_bytes(std::uint64_t off, std::span<const std::byte> bytes) noexcept {
  const auto start = static_cast<std::uint32_t>(off);
  if (start > kMaxCopy || bytes.size() > kMaxCopy) return -EFAULT;
  if (!in_bounds(start, bytes.size(), state_.end - state_.data)) return -EINVAL;
  // memmove: a program may hand in bytes of the packet itself.
  if (!bytes.empty()) std::memmove(state_.buffer.data() + state_.data + start, bytes.data(), bytes.size());
  return 0;
}

void XdpPacket::update_native() noexcept {
  const auto pointer = [this](std::size_t at) { return reinterpret_cast<std::uint64_t>(state_.buffer.data() + at); };
  // Word by word: a wide copy of what has just been stored in pieces would wait for the pieces.
  static_assert(sizeof(NativeXdp) == sizeof native_ && offsetof(NativeXdp, data_meta) == 16 &&
                offsetof(NativeXdp, rx_queue_index) == 28 && offsetof(NativeXdp, egress_ifindex) == 32);
  constexpr bool little = std::endian::native == std::endian::little;
  const auto pair = [](std::uint64_t first, std::uint64_t second) {
    return little ? first | second << 32 : first << 32 | second;
  };
  native_[0] = pointer(state_.data);
  native_[1] = pointer(state_.end);
  native_[2] = pointer(state_.meta);
  native_[3] = pair(state_.options.ingress_ifindex, state_.options.rx_queue_index);
  native_[4] = pair(state_.options.egress_ifindex, 0);
  structured_ = {reinterpret_cast<std::uint64_t>(native_.data()), kXdpMd.bytes, ProgType::xdp};
  entry_ = {structured_.address, 0};
}

std::size_t XdpPacket::memories(std::span<Memory, kMaxMemories> out) const noexcept {
  // Engines write through this range on the program's behalf; the run was given the packet to change.
  auto* base = const_cast<std::byte*>(state_.buffer.data()) + state_.meta;
  out[0] = {base, state_.end - state_.meta, true, "packet"};
  return 1;
}

std::optional<std::uint64_t> XdpPacket::load(std::uint32_t off, unsigned size) const noexcept {
  const abi::ContextField* field = abi::find_context_field(kXdpMd, off);
  if (field == nullptr || field->size != size) return std::nullopt;
  const auto pointer = [this](std::size_t at) { return reinterpret_cast<std::uint64_t>(state_.buffer.data() + at); };
  switch (field->kind) {
    case abi::FieldKind::packet:
      return pointer(state_.data);
    case abi::FieldKind::packet_end:
      return pointer(state_.end);
    case abi::FieldKind::packet_meta:
      return pointer(state_.meta);
    case abi::FieldKind::scalar:
      break;
    case abi::FieldKind::flow_keys:
    case abi::FieldKind::socket:
    case abi::FieldKind::socket_or_null:
    case abi::FieldKind::sock_common_or_null:
    case abi::FieldKind::tp_buffer:
    case abi::FieldKind::btf:
      return std::nullopt;  // no field of xdp_md
  }
  const std::array scalars{state_.options.ingress_ifindex, state_.options.rx_queue_index,
                           state_.options.egress_ifindex};
  return scalars[(off - kFirstScalar) / sizeof(std::uint32_t)];
}

}  // namespace skep
