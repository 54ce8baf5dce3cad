// The default host: this process' clocks, identity, memory and CPUs, straight from the operating system.
//
// Decided here: jiffies count CLOCK_BOOTTIME at 250 Hz (Debian's HZ; they start at 0, not five minutes before
// overflow); random numbers are a counter through the SplitMix64 finalizer, seeded once from getrandom(2), so that any
// thread may draw without a lock; identity is asked anew every time, as a process may fork, rename itself or change its
// user. Nothing but the lease and the counter changes after construction.
#include <fcntl.h>
#include <sched.h>
#include <sys/prctl.h>
#include <sys/random.h>
#include <sys/uio.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <charconv>
#include <ctime>
#include <filesystem>
#include <new>
#include <system_error>
#include <vector>

#include <skep/host.hpp>

#include "base/threads.hpp"
#include "host/cpu_lease.hpp"

namespace skep::host {
namespace {

constexpr std::uint64_t kHz = 250;
constexpr std::uint64_t kNanosPerSecond = 1'000'000'000;

clockid_t clock_id(Clock clock) noexcept {
  switch (clock) {
    case Clock::monotonic:
      return CLOCK_MONOTONIC;
    case Clock::boot:
      return CLOCK_BOOTTIME;
    case Clock::tai:
      return CLOCK_TAI;
    case Clock::monotonic_coarse:
      return CLOCK_MONOTONIC_COARSE;
  }
  return CLOCK_MONOTONIC;
}

unsigned configured_cpus() noexcept {
  const long cpus = ::sysconf(_SC_NPROCESSORS_CONF);
  return cpus > 0 ? static_cast<unsigned>(cpus) : 1;
}

std::uint64_t random_seed() noexcept {
  std::uint64_t seed = 0;
  if (::getrandom(&seed, sizeof(seed), GRND_NONBLOCK) == static_cast<ssize_t>(sizeof(seed))) return seed;
  timespec now{};
  ::clock_gettime(CLOCK_REALTIME, &now);
  return static_cast<std::uint64_t>(now.tv_nsec) ^ (static_cast<std::uint64_t>(::getpid()) << 32);
}

/// The number behind `prefix` in a name like "cpu3"; false for any other name.
bool number_after(std::string_view prefix, std::string_view name, unsigned& number) {
  if (!name.starts_with(prefix)) return false;
  const char* end = name.data() + name.size();
  const auto [rest, error] = std::from_chars(name.data() + prefix.size(), end, number);
  return error == std::errc{} && rest == end;
}

/// The node of each CPU as sysfs tells it; 0 for those it does not name.
std::vector<unsigned> read_numa_nodes(unsigned cpus) {
  namespace fs = std::filesystem;
  std::vector<unsigned> nodes(cpus, 0);
  std::error_code error;
  for (fs::directory_iterator node_it("/sys/devices/system/node", error), end; !error && node_it != end;
       node_it.increment(error)) {
    unsigned node = 0;
    if (!number_after("node", node_it->path().filename().native(), node)) continue;
    std::error_code inner;
    for (fs::directory_iterator cpu_it(node_it->path(), inner); !inner && cpu_it != end; cpu_it.increment(inner)) {
      unsigned cpu = 0;
      if (number_after("cpu", cpu_it->path().filename().native(), cpu) && cpu < cpus) nodes[cpu] = node;
    }
  }
  return nodes;
}

class ProcessHost final : public Host {
 public:
  explicit ProcessHost(const ProcessHostOptions& options)
      : options_(options),
        lease_(options.cpus == 0 ? configured_cpus() : options.cpus),
        numa_nodes_(read_numa_nodes(lease_.count())),
        random_(random_seed()) {}

  std::uint64_t now_ns(Clock clock) noexcept override {
    timespec now{};
    ::clock_gettime(clock_id(clock), &now);
    return static_cast<std::uint64_t>(now.tv_sec) * kNanosPerSecond + static_cast<std::uint64_t>(now.tv_nsec);
  }

  std::uint64_t jiffies() noexcept override { return now_ns(Clock::boot) / (kNanosPerSecond / kHz); }

  std::uint32_t random_u32() noexcept override {
    constexpr std::uint64_t kStep = 0x9e3779b97f4a7c15;
    std::uint64_t x = 0;
    if (single_threaded()) {
      x = random_.load(std::memory_order_relaxed);
      random_.store(x + kStep, std::memory_order_relaxed);
    } else {
      x = random_.fetch_add(kStep, std::memory_order_relaxed);
    }
    x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9;
    x = (x ^ (x >> 27)) * 0x94d049bb133111eb;
    return static_cast<std::uint32_t>((x ^ (x >> 31)) >> 32);
  }

  Task task() noexcept override {
    Task task;
    task.tgid = static_cast<std::uint32_t>(::getpid());
    task.pid = static_cast<std::uint32_t>(::gettid());
    task.uid = ::getuid();
    task.gid = ::getgid();
    ::prctl(PR_GET_NAME, task.comm.data());
    return task;
  }

  unsigned cpu_count() noexcept override { return lease_.count(); }

  unsigned acquire_cpu() noexcept override {
    const int here = ::sched_getcpu();
    return lease_.acquire(here < 0 ? 0 : static_cast<unsigned>(here));
  }

  void release_cpu(unsigned cpu) noexcept override { lease_.release(cpu); }

  unsigned numa_node(unsigned cpu) noexcept override { return cpu < numa_nodes_.size() ? numa_nodes_[cpu] : 0; }

  bool read_memory(MemorySpace /*space*/, std::uint64_t address, std::span<std::byte> out) noexcept override {
    // One process has one address space: what Linux splits into kernel and user memory is the same here.
    if (!options_.expose_memory) return false;
    if (out.empty()) return true;
    const iovec local{out.data(), out.size()};
    const iovec remote{reinterpret_cast<void*>(address), out.size()};
    return ::process_vm_readv(::getpid(), &local, 1, &remote, 1, 0) == static_cast<ssize_t>(out.size());
  }

  void trace(const TraceLine& line) noexcept override {
    if (options_.trace_fd < 0) return;
    try {
      write_line(format_trace_pipe(line) + '\n');
    } catch (const std::bad_alloc&) {
      // A line of debug output is not worth the process.
    }
  }

 private:
  /// One write(2) a line, so that lines of several threads do not mix; more only when the descriptor takes less.
  void write_line(std::string_view bytes) const noexcept {
    while (!bytes.empty()) {
      const ssize_t written = ::write(options_.trace_fd, bytes.data(), bytes.size());
      if (written < 0 && errno == EINTR) continue;
      if (written <= 0) return;
      bytes.remove_prefix(static_cast<std::size_t>(written));
    }
  }

  const ProcessHostOptions options_;
  CpuLease lease_;
  const std::vector<unsigned> numa_nodes_;
  alignas(64) std::atomic<std::uint64_t> random_;
};

}  // namespace
}  // namespace skep::host

namespace skep {

std::shared_ptr<Host> make_process_host(const ProcessHostOptions& options) {
  return std::make_shared<host::ProcessHost>(options);
}

}  // namespace skep
