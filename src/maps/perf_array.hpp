// Perf event arrays: where bpf_perf_event_output finds the buffer of a CPU.
//
// A slot holds a PerfRing while a consumer (skep::PerfBuffer) is open; without one, output gives Linux' -ENOENT.
// Producers and the consumer each hold a counted reference, so closing a consumer never pulls a ring from under a run.
#pragma once

#include <memory>
#include <vector>

#include "maps/map_storage.hpp"
#include "maps/spin_lock.hpp"

namespace skep::maps {

/// An eventfd that lives as long as someone may signal it.
struct EventFd {
  explicit EventFd(int fd) noexcept : fd(fd) {}
  EventFd(const EventFd&) = delete;
  EventFd& operator=(const EventFd&) = delete;
  ~EventFd();
  const int fd;
};

/// One CPU's buffer: records in the order of their output. Any number of producers, one consumer.
class PerfRing {
 public:
  /// Room for `bytes`, a power of two; `event` is signalled when a record comes while the consumer has read all.
  PerfRing(std::size_t bytes, std::shared_ptr<const EventFd> event);

  /// Appends one record made of `parts`. -ENOSPC when there is no room: the record is lost, and counted.
  int output(std::span<const std::span<const std::byte>> parts) noexcept;

  /// Hands every record to `visit` until it returns false; how many there were.
  std::size_t consume(const std::function<bool(std::span<const std::byte>)>& visit);
  /// Records lost since the last call.
  [[nodiscard]] std::uint64_t take_lost() noexcept { return lost_.exchange(0, std::memory_order_relaxed); }

 private:
  void put(std::uint64_t at, const std::byte* from, std::size_t bytes) noexcept;
  void get(std::uint64_t at, std::byte* to, std::size_t bytes) const noexcept;

  std::vector<std::byte> ring_;
  std::shared_ptr<const EventFd> event_;
  SpinLock producers_;
  std::atomic<std::uint64_t> head_{0};  ///< bytes ever written; moved under `producers_`
  std::atomic<std::uint64_t> tail_{0};  ///< bytes ever read; the consumer's
  std::atomic<std::uint64_t> lost_{0};
};

/// The operations that only perf event arrays have; implemented in perf_array.cpp.
class PerfArrayMap : public MapStorage {
 public:
  using MapStorage::MapStorage;
  /// The ring in slot `index`; null when the slot is empty or out of range.
  [[nodiscard]] virtual std::shared_ptr<PerfRing> ring(std::uint32_t index) const noexcept = 0;
  /// Puts `ring` into the slot (null empties it). -E2BIG, -ENOMEM.
  virtual int set_ring(std::uint32_t index, std::shared_ptr<PerfRing> ring) noexcept = 0;

  [[nodiscard]] PerfArrayMap* perf_array() noexcept override { return this; }
};

}  // namespace skep::maps
