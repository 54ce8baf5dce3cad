// The host of `skep run`: this process, with bpf_printk made visible.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include <skep/host.hpp>

namespace skep::cli {

class TraceHost final : public Host {
 public:
  static constexpr std::size_t kMaxKept = 100'000;

  /// `keep`: lines are kept, at most kMaxKept of them; otherwise they go to standard output in trace_pipe format.
  explicit TraceHost(bool keep);

  [[nodiscard]] std::uint64_t lines() const { return count_; }
  [[nodiscard]] const std::vector<std::string>& kept() const { return kept_; }

  [[nodiscard]] std::uint64_t now_ns(Clock clock) noexcept override { return process_->now_ns(clock); }
  [[nodiscard]] std::uint64_t jiffies() noexcept override { return process_->jiffies(); }
  [[nodiscard]] std::uint32_t random_u32() noexcept override { return process_->random_u32(); }
  [[nodiscard]] Task task() noexcept override { return process_->task(); }
  [[nodiscard]] unsigned cpu_count() noexcept override { return process_->cpu_count(); }
  [[nodiscard]] unsigned acquire_cpu() noexcept override { return process_->acquire_cpu(); }
  void release_cpu(unsigned cpu) noexcept override { process_->release_cpu(cpu); }
  [[nodiscard]] unsigned numa_node(unsigned cpu) noexcept override { return process_->numa_node(cpu); }
  [[nodiscard]] bool read_memory(MemorySpace space, std::uint64_t address, std::span<std::byte> out) noexcept override {
    return process_->read_memory(space, address, out);
  }
  void trace(const TraceLine& line) noexcept override;

 private:
  std::shared_ptr<Host> process_;
  bool keep_;
  std::uint64_t count_ = 0;  // the command runs programs on one thread
  std::vector<std::string> kept_;
};

}  // namespace skep::cli
