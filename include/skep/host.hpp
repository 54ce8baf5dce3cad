// The host: everything a run can learn from, or tell, the world outside its maps and its context.
//
// An application replaces it to make runs deterministic, to give programs another identity, to catch bpf_printk, or to
// let bpf_probe_read see chosen memory. With a host that answers the same, a run gives the same. All functions may be
// called from any number of threads at once, and must not throw.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>

namespace skep {

enum class Clock { monotonic, boot, tai, monotonic_coarse };

/// Who runs the program, as bpf_get_current_* tell it.
struct Task {
  std::uint32_t tgid = 0;  ///< the process; what user space calls pid
  std::uint32_t pid = 0;   ///< the thread
  std::uint32_t uid = 0;
  std::uint32_t gid = 0;
  std::array<char, 16> comm{};  ///< NUL-terminated
};

/// Which memory a bpf_probe_read* asks for.
enum class MemorySpace { kernel, user };

/// One line of bpf_trace_printk or bpf_trace_vprintk.
struct TraceLine {
  std::string_view text;  ///< without the final newline; valid during the call
  Task task;
  unsigned cpu = 0;
  std::uint64_t time_ns = 0;  ///< Clock::monotonic
};

/// The line as Linux' trace_pipe shows it:
/// "           comm-1234    [000] ...11    12.345678: bpf_trace_printk: text".
[[nodiscard]] std::string format_trace_pipe(const TraceLine& line);

class Host {
 public:
  virtual ~Host() = default;

  [[nodiscard]] virtual std::uint64_t now_ns(Clock clock) noexcept = 0;
  /// jiffies64: ticks since boot.
  [[nodiscard]] virtual std::uint64_t jiffies() noexcept = 0;
  [[nodiscard]] virtual std::uint32_t random_u32() noexcept = 0;
  [[nodiscard]] virtual Task task() noexcept = 0;

  /// How many CPUs there are; the number of values in per-CPU maps that objects of this host make.
  [[nodiscard]] virtual unsigned cpu_count() noexcept = 0;
  /// A CPU (below cpu_count()) that belongs to the calling run until release_cpu(): no other run holds it meanwhile, so
  /// per-CPU values need no locks. Called at the start of runs that ask for their CPU; waits for one when all are taken.
  [[nodiscard]] virtual unsigned acquire_cpu() noexcept = 0;
  virtual void release_cpu(unsigned cpu) noexcept = 0;
  [[nodiscard]] virtual unsigned numa_node(unsigned cpu) noexcept = 0;

  /// Copies memory outside the run's own regions for bpf_probe_read*. False: not readable there (the helper returns
  /// -EFAULT or, for kernel memory below the kernel's addresses, -ERANGE). Must not fault, whatever the address.
  [[nodiscard]] virtual bool read_memory(MemorySpace space, std::uint64_t address, std::span<std::byte> out) noexcept = 0;

  /// Takes one line of bpf_printk.
  virtual void trace(const TraceLine& line) noexcept = 0;
};

/// Choices of the default host.
struct ProcessHostOptions {
  unsigned cpus = 0;  ///< 0: as many as this machine has
  /// Lets bpf_probe_read* read this process' memory. Off by default: an untrusted program could read secrets.
  bool expose_memory = false;
  /// A file descriptor that trace lines go to in trace_pipe format; -1 drops them. Not closed.
  int trace_fd = 2;
};

/// The default host: this process' clocks, identity and CPUs. Holds no global state: two of them are independent.
[[nodiscard]] std::shared_ptr<Host> make_process_host(const ProcessHostOptions& options = {});

}  // namespace skep
