// Perf event arrays and their rings. A record lies in the ring as its size (8 bytes) and its bytes, filled up to 8.
//
// Behaviour and errno: Linux kernel/bpf/arraymap.c (perf events) and kernel/events/ring_buffer.c.
#include "maps/perf_array.hpp"

#include <unistd.h>

#include <algorithm>
#include <mutex>

#include "maps/copy.hpp"
#include "maps/index_key.hpp"
#include "maps/kinds.hpp"
#include "maps/shared_slots.hpp"

namespace skep::maps {
namespace {

constexpr std::size_t kSizeBytes = 8;

class PerfEventArray final : public PerfArrayMap {
 public:
  explicit PerfEventArray(const Creation& creation)
      : PerfArrayMap(creation.spec, creation.cpus), slots_(creation.spec.max_entries, creation.max_bytes) {}

  [[nodiscard]] bool has_memory() const noexcept { return slots_.has_memory(); }

  [[nodiscard]] std::shared_ptr<PerfRing> ring(std::uint32_t index) const noexcept override {
    return slots_.get(index);
  }
  int set_ring(std::uint32_t index, std::shared_ptr<PerfRing> ring) noexcept override {
    return slots_.set(index, std::move(ring));
  }

  // A number names no perf event here: buffers go in through PerfBuffer.
  int write(const std::byte* key, const std::byte*, std::uint64_t flags) noexcept override {
    return flags == 0 && index_of(key) >= spec().max_entries ? -E2BIG : -EINVAL;
  }
  int remove(const std::byte* key) noexcept override { return slots_.remove(index_of(key)); }
  int next_key(const std::byte* key, std::byte* next) noexcept override {
    return next_index(key, next, spec().max_entries);
  }

 private:
  SharedSlotArray<PerfRing> slots_;
};

}  // namespace

EventFd::~EventFd() { ::close(fd); }

PerfRing::PerfRing(std::size_t bytes, std::shared_ptr<const EventFd> event) : ring_(bytes), event_(std::move(event)) {}

int PerfRing::output(std::span<const std::span<const std::byte>> parts) noexcept {
  std::uint64_t size = 0;
  for (const auto part : parts) size += part.size();
  const std::uint64_t needed = kSizeBytes + round_up(size, std::uint64_t{8});
  bool consumer_waits = false;
  {
    const std::scoped_lock lock(producers_);
    const std::uint64_t head = head_.load(std::memory_order_relaxed);
    if (needed > ring_.size() - (head - tail_.load(std::memory_order_acquire))) {
      lost_.fetch_add(1, std::memory_order_relaxed);
      return -ENOSPC;
    }
    put(head, reinterpret_cast<const std::byte*>(&size), kSizeBytes);
    std::uint64_t at = head + kSizeBytes;
    for (const auto part : parts) {
      put(at, part.data(), part.size());
      at += part.size();
    }
    // Either the consumer sees the new head when it looks once more, or this sees that it has read up to the old one.
    head_.store(head + needed, std::memory_order_seq_cst);
    consumer_waits = tail_.load(std::memory_order_seq_cst) == head;
  }
  if (consumer_waits) {
    const std::uint64_t one = 1;
    // It fails only when the counter is full, and then the consumer is awake.
    [[maybe_unused]] const auto written = ::write(event_->fd, &one, sizeof one);
  }
  return 0;
}

std::size_t PerfRing::consume(const std::function<bool(std::span<const std::byte>)>& visit) {
  std::vector<std::byte> record;
  std::size_t records = 0;
  for (std::uint64_t tail = tail_.load(std::memory_order_relaxed); tail != head_.load(std::memory_order_seq_cst);) {
    std::uint64_t size = 0;
    get(tail, reinterpret_cast<std::byte*>(&size), kSizeBytes);
    record.resize(size);
    get(tail + kSizeBytes, record.data(), size);
    tail += kSizeBytes + round_up(size, std::uint64_t{8});
    tail_.store(tail, std::memory_order_seq_cst);
    ++records;
    if (!visit(record)) break;
  }
  return records;
}

void PerfRing::put(std::uint64_t at, const std::byte* from, std::size_t bytes) noexcept {
  const std::size_t start = at & (ring_.size() - 1);
  const std::size_t first = std::min(bytes, ring_.size() - start);
  copy_shared(ring_.data() + start, from, first);
  copy_shared(ring_.data(), from + first, bytes - first);
}

void PerfRing::get(std::uint64_t at, std::byte* to, std::size_t bytes) const noexcept {
  const std::size_t start = at & (ring_.size() - 1);
  const std::size_t first = std::min(bytes, ring_.size() - start);
  std::copy_n(ring_.begin() + static_cast<std::ptrdiff_t>(start), first, to);
  std::copy_n(ring_.begin(), bytes - first, to + first);
}

std::shared_ptr<MapStorage> make_perf_event_array(const Creation& creation) {
  auto map = std::make_shared<PerfEventArray>(creation);
  return map->has_memory() ? std::shared_ptr<MapStorage>(std::move(map)) : nullptr;
}

}  // namespace skep::maps
