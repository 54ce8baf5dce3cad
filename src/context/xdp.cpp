// The XDP packet: where Linux puts a frame in its buffer, and how far a program may move the packet's ends.
//
// Layout, in offsets from the start of the buffer:
//   [0, 40) taken (struct xdp_frame) | free headroom | metadata | packet | free tailroom | 320 taken (skb_shared_info)
// Invariant: 40 <= lowest_ <= meta_ <= data_ <= end_ <= hard_end_ <= buffer_.size() - 320, and [256, …) bounds lowest_
// from above. Nothing outside [meta_, end_) is ever shown to a program. Source: the limits and error numbers are those
// that Linux 6.18 answers to BPF_PROG_TEST_RUN; tests/unit/context_test.cpp asks the running kernel again.
#include <algorithm>
#include <array>
#include <bit>
#include <cerrno>
#include <cstddef>
#include <cstring>

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

XdpPacket::XdpPacket(std::span<const std::byte> frame, const Options& options) : options_(options) { reset(frame); }

void XdpPacket::reset(std::span<const std::byte> frame) {
  const std::size_t needed = std::max(kBufferBytes, kHeadroom + frame.size() + kTailroom);
  if (needed > buffer_.size())
    buffer_.assign(needed, std::byte{0});
  else
    std::fill(buffer_.begin() + static_cast<std::ptrdiff_t>(lowest_), buffer_.begin() + kHeadroom, std::byte{0});
  if (!frame.empty()) std::memcpy(buffer_.data() + kHeadroom, frame.data(), frame.size());
  meta_ = data_ = lowest_ = kHeadroom;
  end_ = data_ + frame.size();
  hard_end_ = needed - kTailroom;
  redirect_.reset();
}

int XdpPacket::adjust_head(std::int64_t delta) noexcept {
  delta = as_int(delta);
  const auto meta_bytes = static_cast<std::int64_t>(data_ - meta_);
  const std::int64_t data = static_cast<std::int64_t>(data_) + delta;
  if (data < kFrameHeader + meta_bytes || data > static_cast<std::int64_t>(end_) - kEthernetHeader) return -EINVAL;
  const auto meta = static_cast<std::size_t>(data - meta_bytes);
  std::memmove(buffer_.data() + meta, buffer_.data() + meta_, static_cast<std::size_t>(meta_bytes));
  meta_ = meta;
  data_ = static_cast<std::size_t>(data);
  lowest_ = std::min(lowest_, meta_);
  update_native();
  return 0;
}

int XdpPacket::adjust_tail(std::int64_t delta) noexcept {
  const std::int64_t end = static_cast<std::int64_t>(end_) + as_int(delta);
  if (end > static_cast<std::int64_t>(hard_end_) || end < static_cast<std::int64_t>(data_) + kEthernetHeader)
    return -EINVAL;
  const auto new_end = static_cast<std::size_t>(end);
  if (new_end > end_) std::memset(buffer_.data() + end_, 0, new_end - end_);
  end_ = new_end;
  update_native();
  return 0;
}

int XdpPacket::adjust_meta(std::int64_t delta) noexcept {
  const std::int64_t meta = static_cast<std::int64_t>(meta_) + as_int(delta);
  const std::int64_t meta_bytes = static_cast<std::int64_t>(data_) - meta;
  if (meta < kFrameHeader || meta_bytes < 0) return -EINVAL;
  if (meta_bytes % kMetaAlignment != 0 || meta_bytes > kMaxMeta) return -EACCES;
  meta_ = static_cast<std::size_t>(meta);
  lowest_ = std::min(lowest_, meta_);
  update_native();
  return 0;
}

int XdpPacket::load_bytes(std::uint64_t off, std::span<std::byte> out) const noexcept {
  const auto start = static_cast<std::uint32_t>(off);
  if (start > kMaxCopy || out.size() > kMaxCopy) return -EFAULT;
  if (!in_bounds(start, out.size(), end_ - data_)) return -EINVAL;
  if (!out.empty()) std::memcpy(out.data(), buffer_.data() + data_ + start, out.size());
  return 0;
}

int XdpPacket::store_bytes(std::uint64_t off, std::span<const std::byte> bytes) noexcept {
  const auto start = static_cast<std::uint32_t>(off);
  if (start > kMaxCopy || bytes.size() > kMaxCopy) return -EFAULT;
  if (!in_bounds(start, bytes.size(), end_ - data_)) return -EINVAL;
  // memmove: a program may hand in bytes of the packet itself.
  if (!bytes.empty()) std::memmove(buffer_.data() + data_ + start, bytes.data(), bytes.size());
  return 0;
}

Context::Entry XdpPacket::entry() const noexcept {
  update_native();
  return {structured().address, 0};
}

void XdpPacket::update_native() const noexcept {
  const auto pointer = [this](std::size_t at) { return reinterpret_cast<std::uint64_t>(buffer_.data() + at); };
  // Word by word: a wide copy of what has just been stored in pieces would wait for the pieces.
  static_assert(sizeof(NativeXdp) == sizeof native_ && offsetof(NativeXdp, data_meta) == 16 &&
                offsetof(NativeXdp, rx_queue_index) == 28 && offsetof(NativeXdp, egress_ifindex) == 32);
  constexpr bool little = std::endian::native == std::endian::little;
  const auto pair = [](std::uint64_t first, std::uint64_t second) {
    return little ? first | second << 32 : first << 32 | second;
  };
  native_[0] = pointer(data_);
  native_[1] = pointer(end_);
  native_[2] = pointer(meta_);
  native_[3] = pair(options_.ingress_ifindex, options_.rx_queue_index);
  native_[4] = pair(options_.egress_ifindex, 0);
}

std::size_t XdpPacket::memories(std::span<Memory, kMaxMemories> out) const noexcept {
  // Engines write through this range on the program's behalf; the run was given the packet to change.
  auto* base = const_cast<std::byte*>(buffer_.data()) + meta_;
  out[0] = {base, end_ - meta_, true, "packet"};
  return 1;
}

Context::Structured XdpPacket::structured() const noexcept {
  return {reinterpret_cast<std::uint64_t>(native_.data()), kXdpMd.bytes, ProgType::xdp};
}

std::optional<std::uint64_t> XdpPacket::load(std::uint32_t off, unsigned size) const noexcept {
  const abi::ContextField* field = abi::find_context_field(kXdpMd, off);
  if (field == nullptr || field->size != size) return std::nullopt;
  const auto pointer = [this](std::size_t at) { return reinterpret_cast<std::uint64_t>(buffer_.data() + at); };
  switch (field->kind) {
    case abi::FieldKind::packet:
      return pointer(data_);
    case abi::FieldKind::packet_end:
      return pointer(end_);
    case abi::FieldKind::packet_meta:
      return pointer(meta_);
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
  const std::array scalars{options_.ingress_ifindex, options_.rx_queue_index, options_.egress_ifindex};
  return scalars[(off - kFirstScalar) / sizeof(std::uint32_t)];
}

}  // namespace skep
