// The consumer side of perf event arrays: what programs write with bpf_perf_event_output, CPU by CPU.
//
// The counterpart of libbpf's perf_buffer__new/__poll/__consume. While a PerfBuffer is open, its map has a buffer for
// each CPU; without one, bpf_perf_event_output gives -ENOENT, as in Linux. One PerfBuffer is used from one thread at a
// time, and a map has one; programs may write from any number of threads meanwhile. Records come with the size that the
// program gave: Linux fills them up to a multiple of 8 bytes, less 4.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>

#include <skep/error.hpp>
#include <skep/map.hpp>

namespace skep {

class PerfBuffer {
 public:
  /// Called with each record: the CPU that its program ran on, and the bytes, which stay valid until the callback
  /// returns. Return false to stop consuming after this record (it counts as consumed).
  using Callback = std::function<bool(unsigned cpu, std::span<const std::byte> record)>;
  /// Called with the number of records that found no room in a CPU's buffer since the last call.
  using Lost = std::function<void(unsigned cpu, std::uint64_t count)>;

  struct Options {
    std::size_t bytes_per_cpu = 256 << 10;  ///< a power of two of at least 4096; EINVAL otherwise
    Lost lost;                              ///< may be empty
  };

  /// A consumer of `map`, which must be of type perf_event_array (EINVAL otherwise). ENOMEM; EEXIST when one is open.
  [[nodiscard]] static Result<PerfBuffer> open(const Map& map, Callback callback, Options options);
  [[nodiscard]] static Result<PerfBuffer> open(const Map& map, Callback callback) {
    return open(map, std::move(callback), Options{});
  }

  PerfBuffer(PerfBuffer&&) noexcept;
  PerfBuffer& operator=(PerfBuffer&&) noexcept;
  /// Takes the buffers out of the map; records that were not consumed are gone.
  ~PerfBuffer();

  /// Waits until a record is there, at most `timeout_ms` milliseconds (-1: forever, 0: not at all), then consumes all
  /// there are. The number of records consumed.
  Result<std::size_t> poll(int timeout_ms);
  /// Consumes all there are, without waiting. The number of records consumed.
  std::size_t consume();

  /// A descriptor that epoll/poll/select report readable when records may be there. Owned by this object.
  [[nodiscard]] int epoll_fd() const;

 private:
  struct State;
  explicit PerfBuffer(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace skep
