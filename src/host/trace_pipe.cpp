// A line of bpf_printk as Linux' trace_pipe prints it (Documentation/trace/ftrace.rst, "latency" columns on).
//
// The five columns after the CPU are irqs-off, need-resched, hard/softirq, preemption depth and migration depth; a
// program run here has the look of one that runs in process context: "...11".
#include <cstring>

#include <fmt/format.h>
#include <skep/host.hpp>

namespace skep {

std::string format_trace_pipe(const TraceLine& line) {
  const char* comm = line.task.comm.data();
  const std::string_view name(comm, ::strnlen(comm, line.task.comm.size()));
  const std::uint64_t micros = (line.time_ns + 500) / 1000;  // rounded, as ftrace does
  return fmt::format("{:>16}-{:<7} [{:03}] ...11 {:>5}.{:06}: bpf_trace_printk: {}", name, line.task.pid, line.cpu,
                     micros / 1'000'000, micros % 1'000'000, line.text);
}

}  // namespace skep
