// Ring-buffer maps: Linux' memory layout and protocol, so that a consumer written for the kernel's pages reads ours.
//
// Records are 8-byte aligned and start with an 8-byte header whose length word carries the busy and discard bits. The
// data pages are mapped twice in a row, so a record never wraps. Producers reserve under a short lock; the consumer
// takes none. Source: Linux Documentation/bpf/ringbuf.rst.
#pragma once

#include <cstdint>

#include "maps/map_storage.hpp"

namespace skep::maps {

/// The operations that only ring buffers have; implemented in ringbuf.cpp.
class RingBufferMap : public MapStorage {
 public:
  using MapStorage::MapStorage;
  /// Reserves `size` bytes; null when there is no room. The bytes stay valid until submit() or discard().
  /// Contents are whatever an earlier record left there, as in Linux.
  [[nodiscard]] virtual std::byte* reserve(std::uint64_t size) noexcept = 0;
  virtual void submit(std::byte* record, std::uint64_t flags) noexcept = 0;
  virtual void discard(std::byte* record, std::uint64_t flags) noexcept = 0;
  /// bpf_ringbuf_output: 0, -EINVAL for unknown flags, -EAGAIN when there is no room.
  virtual int output(const std::byte* data, std::uint64_t size, std::uint64_t flags) noexcept = 0;
  /// bpf_ringbuf_query: available data, ring size, consumer or producer position; 0 for an unknown `what`.
  [[nodiscard]] virtual std::uint64_t query(std::uint64_t what) const noexcept = 0;

  /// Consumer side: hands every committed record to `visit` until it returns false; returns how many were consumed.
  virtual std::size_t consume(const std::function<bool(std::span<const std::byte>)>& visit) = 0;
  /// An eventfd that is readable when a producer has signalled. Owned by the map.
  [[nodiscard]] virtual int event_fd() const noexcept = 0;
};

}  // namespace skep::maps
