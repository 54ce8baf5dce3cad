// skep::RingBuffer: one epoll descriptor over the event descriptors of the maps it watches.
//
// An event descriptor says only that a producer signalled since the last look; what is there to consume is asked of the
// maps. So poll() consumes first, waits only when there was nothing, and consumes again.
#include <skep/ring_buffer.hpp>

#include <fmt/format.h>
#include <sys/epoll.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <chrono>
#include <utility>
#include <vector>

#include "maps/ringbuf.hpp"

namespace skep {

struct RingBuffer::State {
  struct Ring {
    Map map;
    Callback callback;
  };

  explicit State(int fd) : epoll(fd) {}
  State(const State&) = delete;
  State& operator=(const State&) = delete;
  ~State() { close(epoll); }

  int epoll;
  std::vector<Ring> rings;
};

namespace {

using Clock = std::chrono::steady_clock;

tl::unexpected<Error> io_failure(std::string what, int sys) {
  return fail(ErrorCode::io, "ring buffer", std::move(what), sys);
}

// What is left of a wait that began at `start`, in whole milliseconds, rounded up so that it does not end early.
int milliseconds_left(int timeout_ms, Clock::time_point start) {
  if (timeout_ms <= 0) return timeout_ms;
  const auto gone = std::chrono::duration_cast<std::chrono::milliseconds>(Clock::now() - start).count();
  return gone >= timeout_ms ? 0 : timeout_ms - static_cast<int>(gone);
}

}  // namespace

RingBuffer::RingBuffer(std::unique_ptr<State> state) : state_(std::move(state)) {}
RingBuffer::RingBuffer(RingBuffer&&) noexcept = default;
RingBuffer& RingBuffer::operator=(RingBuffer&&) noexcept = default;
RingBuffer::~RingBuffer() = default;

Result<RingBuffer> RingBuffer::open(const Map& map, Callback callback) {
  const int fd = epoll_create1(EPOLL_CLOEXEC);
  if (fd < 0) return io_failure("no epoll descriptor", errno);
  RingBuffer consumer(std::make_unique<State>(fd));
  if (auto added = consumer.add(map, std::move(callback)); !added) return fail(std::move(added).error());
  return consumer;
}

Result<void> RingBuffer::add(const Map& map, Callback callback) {
  maps::RingBufferMap* ring = map.storage()->ring_buffer();
  if (ring == nullptr)
    return fail(ErrorCode::invalid, fmt::format("map {}", map.name()), "is not a ring buffer", EINVAL);
  epoll_event event{};
  event.events = EPOLLIN;
  if (epoll_ctl(state_->epoll, EPOLL_CTL_ADD, ring->event_fd(), &event) != 0)
    return io_failure(fmt::format("map {} cannot be watched", map.name()), errno);
  state_->rings.push_back({map, std::move(callback)});
  return {};
}

Result<std::size_t> RingBuffer::poll(int timeout_ms) {
  const auto start = Clock::now();
  for (;;) {
    if (const std::size_t records = consume(); records != 0) return records;
    epoll_event event{};
    const int ready = epoll_wait(state_->epoll, &event, 1, milliseconds_left(timeout_ms, start));
    if (ready < 0) return io_failure("waiting was interrupted", errno);
    if (ready == 0) return consume();
  }
}

std::size_t RingBuffer::consume() {
  std::size_t records = 0;
  for (const State::Ring& ring : state_->rings) records += ring.map.storage()->ring_buffer()->consume(ring.callback);
  return records;
}

int RingBuffer::epoll_fd() const { return state_->epoll; }

}  // namespace skep
