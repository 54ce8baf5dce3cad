// The ring buffer itself: pages, reservation, commit, consumption.
//
// Pages, in this order: consumer position, producer position, data, the same data once more. Positions count bytes for
// ever and wrap with 64 bits; only their differences mean anything. A record's header is written by this file alone and
// lies outside what programs may touch; the consumer nevertheless believes no length that leads out of the produced
// bytes.
//
// No wake-up is lost: a producer publishes a record before it looks how far the consumer is, and a consumer publishes
// how far it is before it looks for the last time whether there is a record; both orders are total (seq_cst).
#include "maps/ringbuf.hpp"

#include <sys/eventfd.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <bit>
#include <cstring>

#include "base/threads.hpp"
#include "maps/direct.hpp"
#include "maps/kinds.hpp"
#include "maps/spin_lock.hpp"

namespace skep::maps {
namespace {

constexpr std::uint32_t kBusy = 1u << 31;
constexpr std::uint32_t kDiscard = 1u << 30;
constexpr std::uint32_t kHeaderBytes = 8;
constexpr std::uint64_t kMaxRecord = 0xffffffffu / 4;
constexpr std::uint32_t kLinuxPagesBeforeData = 3;  // Linux counts one page of its own before the two of the positions

enum WakeFlag : std::uint64_t { kNoWakeup = 1, kForceWakeup = 2 };
enum Query : std::uint64_t { kAvailableData = 0, kRingSize = 1, kConsumerPosition = 2, kProducerPosition = 3 };

/// Closes a descriptor.
class Descriptor {
 public:
  explicit Descriptor(int fd = -1) : fd_(fd) {}
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  ~Descriptor() {
    if (fd_ >= 0) close(fd_);
  }
  [[nodiscard]] int get() const noexcept { return fd_; }

 private:
  int fd_;
};

/// The pages of one ring: a reservation with the data mapped twice in a row.
class RingPages {
 public:
  explicit RingPages(std::uint64_t data_bytes)
      : page_bytes_(static_cast<std::uint64_t>(sysconf(_SC_PAGESIZE))),
        file_bytes_(2 * page_bytes_ + data_bytes),
        all_bytes_(file_bytes_ + data_bytes) {
    const Descriptor file(memfd_create("skep-ringbuf", MFD_CLOEXEC));
    if (file.get() < 0 || ftruncate(file.get(), static_cast<off_t>(file_bytes_)) != 0) return;
    void* base = mmap(nullptr, all_bytes_, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (base == MAP_FAILED) return;
    base_ = static_cast<std::byte*>(base);
    mapped_ = map_file(file.get(), base_, file_bytes_, 0) &&
              map_file(file.get(), base_ + file_bytes_, data_bytes, 2 * page_bytes_);
  }
  RingPages(const RingPages&) = delete;
  RingPages& operator=(const RingPages&) = delete;
  ~RingPages() {
    if (base_ != nullptr) munmap(base_, all_bytes_);
  }

  explicit operator bool() const noexcept { return mapped_; }
  [[nodiscard]] unsigned page_bits() const noexcept { return static_cast<unsigned>(std::countr_zero(page_bytes_)); }
  [[nodiscard]] std::uint64_t* consumer() const noexcept { return reinterpret_cast<std::uint64_t*>(base_); }
  [[nodiscard]] std::uint64_t* producer() const noexcept {
    return reinterpret_cast<std::uint64_t*>(base_ + page_bytes_);
  }
  [[nodiscard]] std::byte* data() const noexcept { return base_ + 2 * page_bytes_; }

 private:
  static bool map_file(int file, std::byte* at, std::uint64_t bytes, std::uint64_t file_off) {
    return mmap(at, bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED | MAP_NORESERVE, file,
                static_cast<off_t>(file_off)) != MAP_FAILED;
  }

  std::uint64_t page_bytes_;
  std::uint64_t file_bytes_;
  std::uint64_t all_bytes_;
  std::byte* base_ = nullptr;
  bool mapped_ = false;
};

class PagedRingBuffer final : public RingBufferMap {
 public:
  PagedRingBuffer(const Creation& creation, std::uint64_t first_position)
      : RingBufferMap(creation.spec, creation.cpus),
        mask_(spec().max_entries - 1),
        pages_(spec().max_entries),
        data_(pages_ ? pages_.data() : nullptr),
        page_bits_(pages_.page_bits()),
        event_(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)),
        pending_(first_position) {
    if (!pages_) return;
    *pages_.consumer() = first_position;
    *pages_.producer() = first_position;
  }

  [[nodiscard]] bool has_memory() const noexcept { return pages_ && event_.get() >= 0; }

  [[nodiscard]] std::byte* reserve(std::uint64_t size) noexcept override {
    if (size > kMaxRecord) return nullptr;
    return producers_.try_lock() ? reserve_locked(size) : reserve_in_time(size);
  }

  void submit(std::byte* record, std::uint64_t flags) noexcept override { commit(record, flags, 0); }
  void discard(std::byte* record, std::uint64_t flags) noexcept override { commit(record, flags, kDiscard); }

  int output(const std::byte* data, std::uint64_t size, std::uint64_t flags) noexcept override {
    if ((flags & ~std::uint64_t{kNoWakeup | kForceWakeup}) != 0) return -EINVAL;
    std::byte* record = reserve(size);
    if (record == nullptr) return -EAGAIN;
    if (size != 0) std::memcpy(record, data, size);  // an empty record may come from nowhere
    commit(record, flags, 0);
    return 0;
  }

  [[nodiscard]] std::uint64_t query(std::uint64_t what) const noexcept override {
    switch (what) {
      case kAvailableData:
        return produced() - consumed();
      case kRingSize:
        return mask_ + 1;
      case kConsumerPosition:
        return consumed();
      case kProducerPosition:
        return produced();
      default:
        return 0;
    }
  }

  std::size_t consume(const std::function<bool(std::span<const std::byte>)>& visit) override {
    clear_signal();
    std::size_t records = 0;
    bool more = true;
    std::uint64_t position = consumed();
    for (bool moved = true; more && moved;) {
      moved = drain(position, records, more, visit);
      std::atomic_thread_fence(std::memory_order_seq_cst);
    }
    return records;
  }

  [[nodiscard]] int event_fd() const noexcept override { return event_.get(); }
  [[nodiscard]] RingBufferMap* ring_buffer() noexcept override { return this; }

  [[nodiscard]] Direct direct(DirectCall call) const noexcept override {
    using Word = std::uint64_t;
    switch (call) {
      case DirectCall::reserve:
        return [](Word map, Word, Word size, Word flags, Word) noexcept {
          return flags != 0 ? 0 : reinterpret_cast<Word>(map_at<PagedRingBuffer>(map).PagedRingBuffer::reserve(size));
        };
      case DirectCall::submit:
        return [](Word map, Word record, Word flags, Word, Word) noexcept {
          map_at<PagedRingBuffer>(map).commit(bytes_at(record), flags, 0);
          return Word{0};
        };
      case DirectCall::discard:
        return [](Word map, Word record, Word flags, Word, Word) noexcept {
          map_at<PagedRingBuffer>(map).commit(bytes_at(record), flags, kDiscard);
          return Word{0};
        };
      case DirectCall::lookup:
      case DirectCall::update:
      case DirectCall::erase:
        return nullptr;
    }
    return nullptr;
  }

 private:
  using Word [[gnu::may_alias]] = std::uint32_t;
  using Words [[gnu::may_alias]] = std::uint64_t;

  [[nodiscard]] static Word* word(std::byte* at) noexcept { return reinterpret_cast<Word*>(at); }
  [[nodiscard]] std::uint64_t consumed() const noexcept { return __atomic_load_n(pages_.consumer(), __ATOMIC_ACQUIRE); }
  [[nodiscard]] std::uint64_t produced() const noexcept { return __atomic_load_n(pages_.producer(), __ATOMIC_ACQUIRE); }

  // The bytes that a record with this header word takes. At least a header, so walking always gets ahead.
  [[nodiscard]] static std::uint64_t footprint(std::uint32_t header) noexcept {
    return round_up(std::uint64_t{header & ~(kBusy | kDiscard)} + kHeaderBytes, std::uint64_t{8});
  }

  // Of reserve(), what is rare is left to functions of their own that nothing comes after, so that the rest needs no
  // frame. All of them give up the lock.
  [[nodiscard, gnu::noinline]] std::byte* reserve_in_time(std::uint64_t size) noexcept {
    producers_.lock();
    return reserve_locked(size);
  }
  [[nodiscard, gnu::always_inline]] inline std::byte* reserve_locked(std::uint64_t size) noexcept {
    const std::uint64_t start = __atomic_load_n(pages_.producer(), __ATOMIC_RELAXED);
    const std::uint64_t end = start + round_up(size + kHeaderBytes, std::uint64_t{8});
    // One byte always stays free, and so does everything since the oldest record that is still being written.
    if (end - consumed() > mask_) return nothing_reserved();
    // That one is looked for only when the one last found is in the way.
    return end - pending_ <= mask_ ? begin_record(start, end, size) : reserve_behind_pending(start, end, size);
  }
  [[nodiscard, gnu::noinline]] std::byte* reserve_behind_pending(std::uint64_t start, std::uint64_t end,
                                                                 std::uint64_t size) noexcept {
    advance_pending(start);
    return end - pending_ <= mask_ ? begin_record(start, end, size) : nothing_reserved();
  }
  std::byte* nothing_reserved() noexcept {
    producers_.unlock();
    return nullptr;
  }
  std::byte* begin_record(std::uint64_t start, std::uint64_t end, std::uint64_t size) noexcept {
    std::byte* header = data_ + (start & mask_);
    const std::uint64_t page = ((start & mask_) >> page_bits_) + kLinuxPagesBeforeData;
    const std::uint64_t words = page << 32 | static_cast<std::uint32_t>(size) | kBusy;
    __atomic_store_n(reinterpret_cast<Words*>(header), words, __ATOMIC_RELAXED);
    __atomic_store_n(pages_.producer(), end, __ATOMIC_RELEASE);
    producers_.unlock();
    return header + kHeaderBytes;
  }
  // Moves past the records that were committed, in order, up to the first that was not.
  void advance_pending(std::uint64_t end) noexcept {
    while (pending_ != end) {
      const std::uint32_t header = __atomic_load_n(word(data_ + (pending_ & mask_)), __ATOMIC_ACQUIRE);
      if ((header & kBusy) != 0 || footprint(header) > end - pending_) return;
      pending_ += footprint(header);
    }
  }

  void commit(std::byte* record, std::uint64_t flags, std::uint32_t discarded) noexcept {
    std::byte* header = record - kHeaderBytes;
    const std::uint32_t length = (__atomic_load_n(word(header), __ATOMIC_RELAXED) ^ kBusy) | discarded;
    if (single_threaded())
      __atomic_store_n(word(header), length, __ATOMIC_RELEASE);
    else
      __atomic_exchange_n(word(header), length, __ATOMIC_SEQ_CST);
    const auto position = static_cast<std::uint64_t>(header - data_);
    const std::uint64_t consumer = __atomic_load_n(pages_.consumer(), __ATOMIC_SEQ_CST) & mask_;
    if ((flags & kForceWakeup) != 0 || (consumer == position && (flags & kNoWakeup) == 0)) signal();
  }

  // Hands over records from `position` on. True when it got ahead; `more` turns false when the visitor wants no more.
  bool drain(std::uint64_t& position, std::size_t& records, bool& more,
             const std::function<bool(std::span<const std::byte>)>& visit) {
    const std::uint64_t start = position;
    const std::uint64_t end = produced();
    while (more && position != end) {
      std::byte* at = data_ + (position & mask_);
      const std::uint32_t header = __atomic_load_n(word(at), __ATOMIC_ACQUIRE);
      if ((header & kBusy) != 0) break;
      if (footprint(header) > std::min(end - position, mask_ + 1)) {
        position = end;  // not a header of ours: nothing behind it can be told apart
      } else {
        if ((header & kDiscard) == 0) {
          ++records;
          more = visit(std::span<const std::byte>(at + kHeaderBytes, header));
        }
        position += footprint(header);
      }
      __atomic_store_n(pages_.consumer(), position, __ATOMIC_RELEASE);
    }
    return position != start;
  }

  // One write for all signals until the consumer takes note.
  void signal() noexcept {
    if (signalled_.exchange(true, std::memory_order_acq_rel)) return;
    const std::uint64_t one = 1;
    [[maybe_unused]] const ssize_t written =
        ::write(event_.get(), &one, sizeof one);  // fails only when it is readable anyway
  }
  // In this order: a producer that finds the flag still set has committed before, and its record is found now.
  void clear_signal() noexcept {
    std::uint64_t count = 0;
    [[maybe_unused]] const ssize_t got = ::read(event_.get(), &count, sizeof count);
    signalled_.exchange(false, std::memory_order_acq_rel);
  }

  std::uint64_t mask_;
  RingPages pages_;
  std::byte* data_;  // pages_.data()
  unsigned page_bits_;
  Descriptor event_;
  SpinLock producers_;
  std::uint64_t pending_;  // start of the oldest record not known to be committed; under the lock
  std::atomic<bool> signalled_{false};
};

}  // namespace

std::shared_ptr<MapStorage> make_ring_buffer_at(const Creation& creation, std::uint64_t first_position) {
  if (creation.spec.max_entries > creation.max_bytes) return nullptr;
  auto map = std::make_shared<PagedRingBuffer>(creation, first_position);
  return map->has_memory() ? std::shared_ptr<MapStorage>(std::move(map)) : nullptr;
}

std::shared_ptr<MapStorage> make_ring_buffer(const Creation& creation) { return make_ring_buffer_at(creation, 0); }

}  // namespace skep::maps
