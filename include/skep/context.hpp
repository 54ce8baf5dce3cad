// What a program is run on: raw bytes, or an XDP packet.
//
// A context belongs to one run at a time; use one per thread. It is reusable, and keeps what a run did to it.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <type_traits>
#include <vector>

#include <skep/error.hpp>
#include <skep/types.hpp>

namespace skep {

class XdpPacket;

/// The interface that the engines need. Applications use the classes below.
class Context {
 public:
  /// A range of plain memory that the program may touch.
  struct Memory {
    std::byte* base = nullptr;
    std::size_t bytes = 0;
    bool writable = false;
    const char* name = "";  ///< "packet", "context"; static storage
  };
  /// The registers at entry.
  struct Entry {
    std::uint64_t r1 = 0;
    std::uint64_t r2 = 0;
  };
  /// A structured context is no plain memory: accesses to [address, address + bytes) go through load() and store(),
  /// which translate fields. bytes is 0 when there is none.
  struct Structured {
    std::uint64_t address = 0;
    std::uint32_t bytes = 0;
    /// The programs whose context it is. For XDP, src/context/native.hpp's structure lies at `address`.
    ProgType type = ProgType::unspec;
  };
  static constexpr std::size_t kMaxMemories = 2;

  virtual ~Context() = default;
  // These two are asked for in every run: plain members, set by the class that knows them.
  [[nodiscard]] const Entry& entry() const noexcept { return entry_; }
  [[nodiscard]] const Structured& structured() const noexcept { return structured_; }
  /// The plain memory, as it is now; at most kMaxMemories ranges, written to `out`; the count. Changes only through
  /// helpers that change the packet.
  virtual std::size_t memories(std::span<Memory, kMaxMemories> out) const noexcept = 0;

  /// Loads `size` bytes of the field at `off`; nothing when Linux allows no such access.
  [[nodiscard]] virtual std::optional<std::uint64_t> load(std::uint32_t /*off*/, unsigned /*size*/) const noexcept {
    return std::nullopt;
  }
  virtual bool store(std::uint32_t /*off*/, unsigned /*size*/, std::uint64_t /*value*/) noexcept { return false; }

  /// This context as an XDP packet, null when it is none.
  [[nodiscard]] virtual XdpPacket* xdp() noexcept { return nullptr; }

 protected:
  Context() = default;
  explicit Context(const Entry& entry) noexcept : entry_(entry) {}
  // Derived classes whose context is inside them say anew where it is.
  Context(const Context&) = default;
  Context& operator=(const Context&) = default;

  Entry entry_;
  Structured structured_;
};

/// Bytes handed to the program as they are: r1 = address, r2 = length. Does not own them.
class RawContext final : public Context {
 public:
  /// No bytes: r1 = r2 = 0.
  RawContext() = default;
  /// `bytes` must outlive the runs. A program that writes to const ones faults.
  template <class Byte, std::size_t kExtent>
  requires std::is_same_v<std::remove_const_t<Byte>, std::byte>
  explicit RawContext(std::span<Byte, kExtent> bytes) noexcept
      : RawContext({const_cast<std::byte*>(bytes.data()), bytes.size()}, !std::is_const_v<Byte>) {}

  std::size_t memories(std::span<Memory, kMaxMemories> out) const noexcept override;

 private:
  RawContext(std::span<std::byte> bytes, bool writable) noexcept;

  std::span<std::byte> bytes_;
  bool writable_ = true;
};

/// Where a program sent a packet with bpf_redirect or bpf_redirect_map; recorded, nothing is sent.
struct Redirect {
  std::uint32_t ifindex = 0;  ///< of bpf_redirect; 0 for a map redirect
  const void* map = nullptr;  ///< compare with Map::storage().get(); null for bpf_redirect
  std::uint64_t key = 0;      ///< of bpf_redirect_map
  std::uint64_t flags = 0;
};

/// A packet in a buffer with room before and after it, seen by programs as `struct xdp_md` (Linux
/// Documentation/networking and include/uapi/linux/bpf.h). Owns its bytes.
class XdpPacket final : public Context {
 public:
  static constexpr std::size_t kHeadroom = 256;  ///< XDP_PACKET_HEADROOM
  static constexpr std::size_t kTailroom = 320;  ///< what Linux keeps at the end of a 4,096-byte buffer on x86-64

  struct Options {
    std::uint32_t ingress_ifindex = 1;
    std::uint32_t rx_queue_index = 0;
    std::uint32_t egress_ifindex = 0;  ///< only devmap programs may read it
  };

  explicit XdpPacket(std::span<const std::byte> frame) : XdpPacket(frame, Options{}) {}
  XdpPacket(std::span<const std::byte> frame, const Options& options);
  XdpPacket(const XdpPacket& other);
  /// Leaves an empty packet behind.
  XdpPacket(XdpPacket&& other) noexcept;
  XdpPacket& operator=(const XdpPacket& other);
  XdpPacket& operator=(XdpPacket&& other) noexcept;
  ~XdpPacket() override = default;

  /// Puts another frame in: pointers, metadata, recorded redirect and the zeroed room around the frame start afresh.
  /// Keeps the buffer when it is large enough.
  void reset(std::span<const std::byte> frame);

  /// The packet as it is now, without metadata.
  [[nodiscard]] std::span<const std::byte> frame() const noexcept {
    return {state_.buffer.data() + state_.data, state_.end - state_.data};
  }
  /// The metadata in front of it (bpf_xdp_adjust_meta).
  [[nodiscard]] std::span<const std::byte> meta() const noexcept {
    return {state_.buffer.data() + state_.meta, state_.data - state_.meta};
  }
  [[nodiscard]] const std::optional<Redirect>& redirect() const noexcept { return state_.redirect; }
  void set_redirect(const Redirect& redirect) noexcept { state_.redirect = redirect; }
  void clear_redirect() noexcept { state_.redirect.reset(); }

  // What the helpers of the same names do; 0 or a negative errno. Of a delta the low 32 bits count, as a signed number;
  // of an offset the low 32 bits.
  int adjust_head(std::int64_t delta) noexcept;
  int adjust_tail(std::int64_t delta) noexcept;
  int adjust_meta(std::int64_t delta) noexcept;
  int load_bytes(std::uint64_t off, std::span<std::byte> out) const noexcept;
  int store_bytes(std::uint64_t off, std::span<const std::byte> bytes) noexcept;

  std::size_t memories(std::span<Memory, kMaxMemories> out) const noexcept override;
  [[nodiscard]] std::optional<std::uint64_t> load(std::uint32_t off, unsigned size) const noexcept override;
  [[nodiscard]] XdpPacket* xdp() noexcept override { return this; }

 private:
  /// What a copy shares with its original.
  struct State {
    std::vector<std::byte> buffer;
    std::size_t meta = 0;  ///< offsets into buffer: meta <= data <= end
    std::size_t data = 0;
    std::size_t end = 0;
    std::size_t lowest = 0;    ///< the lowest meta since reset(): what the program may have written of the headroom
    std::size_t hard_end = 0;  ///< end may grow up to here
    Options options;
    std::optional<Redirect> redirect;
  };

  void update_native() noexcept;

  State state_;
  std::array<std::uint64_t, 5> native_;  // src/context/native.hpp; its address is that of the program's xdp_md
};

}  // namespace skep
