// skep::PerfBuffer: puts a ring for each CPU into the map, waits on one descriptor for all of them.
#include <skep/perf_buffer.hpp>

#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <bit>
#include <cerrno>
#include <cstring>
#include <new>

#include <fmt/format.h>

#include "maps/perf_array.hpp"

namespace skep {
namespace {

constexpr std::size_t kLeastBytes = 4096;

}  // namespace

struct PerfBuffer::State {
  State(Map map, Callback callback, Options options)
      : map(std::move(map)), callback(std::move(callback)), options(std::move(options)) {}
  State(const State&) = delete;
  State& operator=(const State&) = delete;
  ~State() {
    for (std::uint32_t cpu = 0; cpu < rings.size(); ++cpu) map.storage()->perf_array()->set_ring(cpu, nullptr);
  }

  Map map;
  Callback callback;
  Options options;
  std::shared_ptr<const maps::EventFd> event;
  std::vector<std::shared_ptr<maps::PerfRing>> rings;  // by CPU
};

PerfBuffer::PerfBuffer(std::unique_ptr<State> state) : state_(std::move(state)) {}
PerfBuffer::PerfBuffer(PerfBuffer&&) noexcept = default;
PerfBuffer& PerfBuffer::operator=(PerfBuffer&&) noexcept = default;
PerfBuffer::~PerfBuffer() = default;

Result<PerfBuffer> PerfBuffer::open(const Map& map, Callback callback, Options options) {
  const std::string where = fmt::format("map {}", map.name());
  maps::PerfArrayMap* array = map.storage()->perf_array();
  if (array == nullptr) return fail(ErrorCode::invalid, where, "is not a perf event array", EINVAL);
  if (!std::has_single_bit(options.bytes_per_cpu) || options.bytes_per_cpu < kLeastBytes)
    return fail(
        ErrorCode::invalid, where,
        fmt::format("a buffer of {} bytes, needs a power of two of at least {}", options.bytes_per_cpu, kLeastBytes),
        EINVAL);
  auto state = std::make_unique<State>(map, std::move(callback), std::move(options));
  const int event_fd = ::eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
  if (event_fd < 0) return fail(ErrorCode::io, where, std::strerror(errno), errno);
  state->event = std::make_shared<const maps::EventFd>(event_fd);
  const std::uint32_t cpus = std::min<std::uint32_t>(map.cpus(), map.spec().max_entries);
  for (std::uint32_t cpu = 0; cpu < cpus; ++cpu)
    if (array->ring(cpu) != nullptr) return fail(ErrorCode::exists, where, "has a consumer already", EEXIST);
  try {
    for (std::uint32_t cpu = 0; cpu < cpus; ++cpu) {
      auto ring = std::make_shared<maps::PerfRing>(state->options.bytes_per_cpu, state->event);
      state->rings.push_back(ring);
      if (array->set_ring(cpu, std::move(ring)) != 0) throw std::bad_alloc();
    }
  } catch (const std::bad_alloc&) {
    return fail(ErrorCode::limit, where,
                fmt::format("no memory for {} buffers of {} bytes", cpus, state->options.bytes_per_cpu), ENOMEM);
  }
  return PerfBuffer(std::move(state));
}

Result<std::size_t> PerfBuffer::poll(int timeout_ms) {
  if (const std::size_t records = consume(); records != 0) return records;
  pollfd waiting{.fd = state_->event->fd, .events = POLLIN, .revents = 0};
  if (::poll(&waiting, 1, timeout_ms) < 0)
    return fail(ErrorCode::io, fmt::format("map {}", state_->map.name()), std::strerror(errno), errno);
  return consume();
}

std::size_t PerfBuffer::consume() {
  std::uint64_t signals = 0;
  [[maybe_unused]] const auto drained = ::read(state_->event->fd, &signals, sizeof signals);
  std::size_t records = 0;
  bool go_on = true;
  for (unsigned cpu = 0; cpu < state_->rings.size() && go_on; ++cpu) {
    records += state_->rings[cpu]->consume([&](std::span<const std::byte> record) {
      go_on = state_->callback(cpu, record);
      return go_on;
    });
    const std::uint64_t lost = state_->rings[cpu]->take_lost();
    if (lost != 0 && state_->options.lost) state_->options.lost(cpu, lost);
  }
  // Who waits for the descriptor must hear of what was left.
  const std::uint64_t one = 1;
  if (!go_on) [[maybe_unused]]
    const auto written = ::write(state_->event->fd, &one, sizeof one);
  return records;
}

int PerfBuffer::epoll_fd() const { return state_->event->fd; }

}  // namespace skep
