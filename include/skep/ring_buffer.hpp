// The consumer side of ring-buffer maps: a callback for every record, and a descriptor to wait on.
//
// The counterpart of libbpf's ring_buffer__new/__add/__poll/__consume. One RingBuffer may watch several maps. It is used
// from one thread at a time, and each map has one consumer; programs may produce from any number of threads meanwhile.
// Source: Linux Documentation/bpf/ringbuf.rst.
#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <span>

#include <skep/error.hpp>
#include <skep/map.hpp>

namespace skep {

class RingBuffer {
 public:
  /// Called with each committed record's bytes, which stay valid until the callback returns. Return false to stop
  /// consuming after this record (it counts as consumed).
  using Callback = std::function<bool(std::span<const std::byte> record)>;

  /// A consumer of `map`, which must be of type ringbuf (EINVAL otherwise).
  [[nodiscard]] static Result<RingBuffer> open(const Map& map, Callback callback);

  RingBuffer(RingBuffer&&) noexcept;
  RingBuffer& operator=(RingBuffer&&) noexcept;
  ~RingBuffer();

  /// Watches one more map.
  Result<void> add(const Map& map, Callback callback);

  /// Waits until a record is there, at most `timeout_ms` milliseconds (-1: forever, 0: not at all), then consumes all
  /// that is committed. The number of records consumed.
  Result<std::size_t> poll(int timeout_ms);
  /// Consumes all that is committed, without waiting. The number of records consumed.
  std::size_t consume();

  /// A descriptor that epoll/poll/select report readable when a producer has woken consumers. Owned by this object.
  [[nodiscard]] int epoll_fd() const;

 private:
  struct State;
  explicit RingBuffer(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace skep
